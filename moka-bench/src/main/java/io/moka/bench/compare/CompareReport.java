package io.moka.bench.compare;

import io.moka.bench.compare.Comparison.Cell;
import io.moka.engine.WorkCount;
import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/** What a comparison found: a table to read, and a line of JSON for each of its rows. */
final class CompareReport {
  private static final double GIGA = 1e9;

  private final PrintStream table;
  private final PrintStream json;
  private final Chip chip;
  private final int threads;

  /**
   * A report.
   *
   * @param table where the table goes
   * @param json where the lines of JSON go
   * @param chip what was measured on
   * @param threads threads of each engine
   */
  CompareReport(PrintStream table, PrintStream json, Chip chip, int threads) {
    this.table = table;
    this.json = json;
    this.chip = chip;
    this.threads = threads;
  }

  /**
   * A model that was measured.
   *
   * @param name what the table calls it
   * @param type of most of its weights
   * @param quantised whether that is a type of blocks with scales
   * @param work what its steps read and compute
   * @param experts of a layer
   * @param expertsPerToken of these, those that a token goes to
   */
  record Model(
      String name,
      String type,
      boolean quantised,
      WorkCount work,
      int experts,
      int expertsPerToken) {
    /**
     * Different experts that the rows of a step go to, on average: random weights route random
     * tokens evenly.
     */
    double expertsInUse(int rows) {
      double missed = 1 - (double) expertsPerToken / experts;
      return experts * (1 - Math.pow(missed, rows));
    }
  }

  void write(Model model, Comparison comparison, List<Contender> contenders, List<Workload> works) {
    Spread read = roof(comparison, Roof::bandwidth);
    Spread fma = roof(comparison, Roof::flops);
    print("%n%s%n%s, %d threads%n", model.name(), chip, threads);
    print(
        "limits, over the run: reads %.1f to %.1f GB/s, computes %.0f to %.0f GFLOP/s in float32%n",
        read.lowest() / GIGA, read.highest() / GIGA, fma.lowest() / GIGA, fma.highest() / GIGA);
    contenders.forEach(
        contender -> print("%s: %s%n", contender.name(), comparison.description(contender)));
    print(
        "%n| work | engine | tuning | precision | tokens/s | lowest to highest | achieved | share |"
            + " Moka is | lowest to highest | others, cores |%n");
    print("| --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |%n");
    for (Workload work : works) {
      for (Contender contender : contenders) {
        row(model, comparison, new Cell(contender, work), contenders.getFirst());
      }
    }
  }

  private static Spread roof(Comparison comparison, ToDoubleFunction<Roof> limit) {
    return Spread.of(comparison.roofs().stream().map(limit::applyAsDouble).toList());
  }

  private void row(Model model, Comparison comparison, Cell cell, Contender first) {
    Contender contender = cell.contender();
    Workload work = cell.work();
    List<Double> rates = comparison.rates(cell);
    Spread spread = Spread.of(rates);
    boolean decodes = work.decodes();
    double eachToken =
        decodes
            ? model.work().stepBytes(model.expertsInUse(work.sequences())) / work.sequences()
            : model.work().prefillFlops(work.prompt()) / work.prompt();
    double achieved = spread.median() * eachToken;
    List<Double> limits = comparison.limits(cell, decodes ? Roof::bandwidth : Roof::flops);
    List<Double> shares = new ArrayList<>();
    for (int round = 0; round < rates.size(); round++) {
      shares.add(rates.get(round) * eachToken / limits.get(round));
    }
    double share = Spread.of(shares).median();
    List<Double> ratios = new ArrayList<>();
    if (first.name().equals(Contender.MOKA) && contender != first) {
      List<Double> own = comparison.rates(new Cell(first, work));
      for (int round = 0; round < rates.size(); round++) {
        ratios.add(own.get(round) / rates.get(round));
      }
    }
    String precision = contender.precision(model);
    String tuning = contender.tunable() ? comparison.tuning(cell).toString() : "";
    print(
        "| %s | %s | %s | %s | %.2f | %.2f to %.2f | %.0f %s | %.0f %% | %s | %.1f |%n",
        work,
        contender.name(),
        tuning,
        precision,
        spread.median(),
        spread.lowest(),
        spread.highest(),
        achieved / GIGA,
        decodes ? "GB/s" : "GFLOP/s",
        100 * share,
        ratio(ratios),
        comparison.disturbance(cell));
    Map<String, String> fields = new TreeMap<>();
    fields.put("model", text(model.name()));
    fields.put("type", text(model.type()));
    fields.put("chip", text(chip.name()));
    fields.put("chip_family", text(chip.family()));
    fields.put("chip_model", text(chip.model()));
    fields.put("threads", Integer.toString(threads));
    fields.put("work", text(work.toString()));
    fields.put("engine", text(contender.name()));
    fields.put("description", text(comparison.description(contender)));
    fields.put("tuning", text(tuning));
    fields.put("precision", text(precision));
    fields.put("tokens_s", list(rates));
    fields.put("median_tokens_s", number(spread.median()));
    fields.put(decodes ? "achieved_gb_s" : "achieved_gflop_s", number(achieved / GIGA));
    fields.put("share_of_limit", number(share));
    fields.put("shares", list(shares));
    fields.put("moka_ratios", list(ratios));
    fields.put("foreign_cores", number(comparison.disturbance(cell)));
    fields.put("read_gb_s", roofs(comparison, Roof::bandwidth));
    fields.put("fma_gflop_s", roofs(comparison, Roof::flops));
    json.println(
        fields.entrySet().stream()
            .map(field -> text(field.getKey()) + ": " + field.getValue())
            .collect(Collectors.joining(", ", "{", "}")));
  }

  private static String ratio(List<Double> ratios) {
    if (ratios.isEmpty()) {
      return " | ";
    }
    Spread spread = Spread.of(ratios);
    return String.format(
        Locale.ROOT, "x %.2f | %.2f to %.2f", spread.median(), spread.lowest(), spread.highest());
  }

  private static String roofs(Comparison comparison, ToDoubleFunction<Roof> limit) {
    return list(comparison.roofs().stream().map(roof -> limit.applyAsDouble(roof) / GIGA).toList());
  }

  private static String list(List<Double> values) {
    return values.stream().map(CompareReport::number).collect(Collectors.joining(", ", "[", "]"));
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }

  private static String text(String value) {
    return "\"" + value.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
  }

  private void print(String format, Object... values) {
    table.printf(Locale.ROOT, format, values);
    table.flush();
  }
}
