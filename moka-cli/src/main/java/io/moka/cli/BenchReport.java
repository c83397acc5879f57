package io.moka.cli;

import io.moka.MokaException;
import io.moka.engine.Benchmark;
import io.moka.engine.WorkCount;
import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import io.moka.model.TransformerOptions;
import io.moka.moe.MoePath;
import io.moka.moe.RoutingStats;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/** Writes what {@code moka bench} measured: a table, or a line of JSON for each run. */
final class BenchReport {
  private static final double GIGA = 1e9;
  private static final String CELLS = " | %-25s | %-12s | %20s | %12s | %14s |%n";

  private final Environment environment;
  private final String model;
  private final WorkCount work;
  private final Roof roof;
  private final boolean json;
  private final boolean exact;
  private final boolean cached;
  private final String row;
  private double largestBandwidth;
  private double largestFlops;
  private String path = "";
  private boolean headed;

  /**
   * Begins a report.
   *
   * @param exact whether every product takes float32 inputs: none is then above the FMA peak
   * @param cached whether caches may hold the weights: they may then be read faster than memory
   */
  BenchReport(
      Environment environment,
      String model,
      WorkCount work,
      Roof roof,
      boolean json,
      boolean exact,
      boolean cached) {
    this.environment = environment;
    this.model = model;
    this.work = work;
    this.roof = roof;
    this.json = json;
    this.exact = exact;
    this.cached = cached;
    this.row = "| %-" + modelWidth() + "s" + CELLS;
  }

  private int modelWidth() {
    return Math.max(model.length(), "model".length());
  }

  void begin(String kernels, TransformerOptions options) {
    path = pathName(options);
    if (json || headed) {
      return;
    }
    headed = true;
    print("%s; %s%n", model, kernels);
    print(
        "this machine now: reads %.1f GB/s (one stream a thread %.1f, four %.1f),"
            + " computes %.0f GFLOP/s in float32%n%n",
        roof.bandwidth() / GIGA,
        roof.oneStream() / GIGA,
        roof.fourStreams() / GIGA,
        roof.flops() / GIGA);
    print(row, "model", "path", "test", "tokens/s", "achieved", "share");
    print(
        "| %s | %s | %s | %s: | %s: | %s: |%n",
        "-".repeat(modelWidth()),
        "-".repeat(25),
        "-".repeat(12),
        "-".repeat(19),
        "-".repeat(11),
        "-".repeat(13));
  }

  private static String pathName(TransformerOptions options) {
    String name = options.path().name().toLowerCase(Locale.ROOT);
    if (options.path() != MoePath.FUSED) {
      return name;
    }
    return name + (options.prefuse() ? ", prefused" : ", joining each step");
  }

  void run(Benchmark.Run run) {
    if (!cached) {
      largestBandwidth = Math.max(largestBandwidth, bandwidth(run));
    }
    if (exact) {
      largestFlops = Math.max(largestFlops, flops(run));
    }
    if (!json) {
      return;
    }
    print(
        "{\"run\": %d, \"model\": \"%s\", \"path\": \"%s\", \"parallel\": %d, \"context\": %d,"
            + " \"prefill_tok_s\": %s, \"decode_tok_s\": %s, \"decode_ms_per_step\": %s,"
            + " \"bandwidth_gb_s\": %s, \"bandwidth_share\": %s,"
            + " \"prefill_gflop_s\": %s, \"fma_share\": %s, \"experts_per_layer\": %s}%n",
        run.run(),
        model.replace("\\", "\\\\").replace("\"", "\\\""),
        path,
        run.plan().parallel(),
        run.plan().context(),
        number(prefillRate(run)),
        number(decodeRate(run)),
        number(run.decodeSeconds() * 1e3 / run.plan().decode()),
        number(bandwidth(run) / GIGA),
        number(bandwidth(run) / roof.bandwidth()),
        number(flops(run) / GIGA),
        number(flops(run) / roof.flops()),
        number(run.expertsPerLayer()));
  }

  /** JSON has no NaN: what was not run is null. */
  private static String number(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : "null";
  }

  void end(List<Benchmark.Run> runs) {
    if (json) {
      return;
    }
    Benchmark.Plan plan = runs.getFirst().plan();
    if (plan.prompt() > 0) {
      row("pp" + plan.prompt(), runs, BenchReport::prefillRate, this::flops, "GFLOP/s", "FMA peak");
    }
    if (plan.decode() > 0) {
      String test =
          "tg%d%s%s"
              .formatted(
                  plan.decode(),
                  plan.parallel() > 1 ? " x" + plan.parallel() : "",
                  plan.context() > 0 ? " @" + plan.context() : "");
      row(test, runs, BenchReport::decodeRate, this::bandwidth, "GB/s", "read");
    }
  }

  private void row(
      String test,
      List<Benchmark.Run> runs,
      ToDoubleFunction<Benchmark.Run> rate,
      ToDoubleFunction<Benchmark.Run> achieved,
      String unit,
      String limit) {
    double[] rates = runs.stream().mapToDouble(rate).toArray();
    double mean = runs.stream().mapToDouble(rate).average().orElseThrow();
    double squares = 0;
    for (double value : rates) {
      squares += (value - mean) * (value - mean);
    }
    double deviation = rates.length < 2 ? 0 : Math.sqrt(squares / (rates.length - 1));
    double reached = runs.stream().mapToDouble(achieved).average().orElseThrow();
    double most = unit.equals("GB/s") ? roof.bandwidth() : roof.flops();
    print(
        row,
        model,
        path,
        test,
        String.format(Locale.ROOT, "%.2f ± %.2f", mean, deviation),
        String.format(Locale.ROOT, "%.0f %s", reached / GIGA, unit),
        String.format(Locale.ROOT, "%.0f %% %s", 100 * reached / most, limit));
  }

  private static double prefillRate(Benchmark.Run run) {
    return run.plan().prompt() / run.prefillSeconds();
  }

  private static double decodeRate(Benchmark.Run run) {
    return run.plan().decode() * (double) run.plan().parallel() / run.decodeSeconds();
  }

  private double bandwidth(Benchmark.Run run) {
    return work.stepBytes(run.expertsPerLayer()) * run.plan().decode() / run.decodeSeconds();
  }

  private double flops(Benchmark.Run run) {
    return run.plan().prompt() == 0
        ? Double.NaN
        : work.prefillFlops(run.plan().prompt()) / run.prefillSeconds();
  }

  /** How evenly the experts were used. */
  void routing(RoutingStats stats) {
    if (json) {
      return;
    }
    print("%n| layer | choices | busiest expert | even | never used |%n");
    print("| ---: | ---: | ---: | ---: | ---: |%n");
    for (int layer = 0; layer < stats.layers(); layer++) {
      if (stats.total(layer) > 0) {
        print(
            "| %d | %d | %.1f %% | %.3f | %d of %d |%n",
            layer,
            stats.total(layer),
            100 * stats.maxShare(layer),
            stats.evenness(layer),
            stats.unused(layer),
            stats.experts());
      }
    }
    print("%n");
  }

  /**
   * Holds the figures against the limits: nothing is faster than the machine. Limits measured
   * beside a busy neighbour are measured once more.
   */
  void finish(Supplier<Roof> again) {
    if (largestBandwidth <= roof.bandwidth() && !(largestFlops > roof.flops())) {
      return;
    }
    Roof second = again.get();
    if (largestBandwidth > Math.max(roof.bandwidth(), second.bandwidth())
        || largestFlops > Math.max(roof.flops(), second.flops())) {
      throw new MokaException(
          "a share of the machine's limit came out above 100 %; something else used the machine"
              + " while its limits were measured. Run it again when it is calm.");
    }
    environment
        .err()
        .printf(
            Locale.ROOT,
            "note: the limits were measured beside other work; now the machine reads %.1f GB/s and"
                + " computes %.0f GFLOP/s, and the shares above are too high%n",
            second.bandwidth() / GIGA,
            second.flops() / GIGA);
  }

  private void print(String format, Object... values) {
    environment.out().printf(Locale.ROOT, format, values);
  }
}
