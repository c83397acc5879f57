package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.WeightFormat;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;

/** What quantising did to a model's matrices: a line for each part, or for each tensor. */
final class PrefuseReport {
  private static final String LINE = "%-44s %-6s %-6s %8s %10s %10s%n";

  private final Checkpoint source;
  private final QuantisedCheckpoint result;
  private final Quantisation quantisation;

  PrefuseReport(Checkpoint source, QuantisedCheckpoint result, Quantisation quantisation) {
    this.source = source;
    this.result = result;
    this.quantisation = quantisation;
  }

  /** The tensors of a part that went from one format to another. */
  private static final class Group {
    private int tensors;
    private double sum;
    private double worst;

    void add(double error) {
      tensors++;
      sum += error;
      worst = Math.max(worst, error);
    }
  }

  /** What tensors have in common that share a line. */
  private record Change(Part part, WeightFormat from, WeightFormat to) {}

  /** Writes a table of errors; nothing where all numbers were kept as asked. */
  void print(Environment environment, boolean everyTensor) {
    if (quantisation == Quantisation.KEEP) {
      return;
    }
    Map<TensorKey, Double> errors = result.errors();
    Map<Change, Group> groups = new LinkedHashMap<>();
    environment
        .out()
        .println("errors: root mean square, relative to that of the numbers; mean and worst");
    environment
        .out()
        .printf(Locale.ROOT, LINE, "matrices", "from", "to", "tensors", "error", "worst");
    for (TensorKey key : ModelTensors.of(source.config()).keySet()) {
      TensorInfo before = source.describe(key);
      if (before.shape().size() < 2 || key.part() == Part.ROUTER) {
        continue;
      }
      Group own = new Group();
      own.add(errors.getOrDefault(key, 0.0));
      Change change = new Change(key.part(), before.format(), result.describe(key).format());
      groups.computeIfAbsent(change, same -> new Group()).add(errors.getOrDefault(key, 0.0));
      if (everyTensor) {
        String expert = key.expert() < 0 ? "" : " of expert " + key.expert();
        row(environment, before.name() + expert, change, own);
      }
    }
    groups.forEach((change, group) ->
        row(environment, change.part().name().toLowerCase(Locale.ROOT), change, group));
    long kept = groups.keySet().stream().filter(change -> change.from() == change.to()).count();
    if (kept > 0) {
      environment
          .err()
          .println(
              "moka: matrices whose types are equal above were kept as they are: quantised already,"
                  + " of the type asked for, or with rows that are no whole blocks");
    }
  }

  private static void row(Environment environment, String name, Change change, Group group) {
    boolean kept = change.from() == change.to();
    environment
        .out()
        .printf(
            Locale.ROOT,
            LINE,
            Words.oneLine(name),
            change.from(),
            change.to(),
            Words.count(group.tensors),
            kept ? "kept" : "%.5f".formatted(group.sum / group.tensors),
            kept ? "" : "%.5f".formatted(group.worst));
  }
}
