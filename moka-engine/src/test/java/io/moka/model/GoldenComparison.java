package io.moka.model;

import static io.moka.GoldenTensors.distance;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/** Compares what passes between the layers with what another implementation computed. */
final class GoldenComparison implements ForwardListener {
  private final List<String> problems = new ArrayList<>();
  private int compared;
  private final GoldenTensors expected;
  private final String prefix;
  private final double tolerance;

  private GoldenComparison(GoldenTensors expected, String prefix, double tolerance) {
    this.expected = expected;
    this.prefix = prefix;
    this.tolerance = tolerance;
  }

  /**
   * Runs the sequences of a golden model.
   *
   * @param expected the path of both files of expected values, without their endings
   * @param names of the sequences to run
   * @param greedy whether the ids that argmax appends are compared as well
   */
  static void check(
      Transformer model, Path expected, List<String> names, double tolerance, boolean greedy)
      throws IOException {
    Path folder = expected.getParent();
    GoldenTensors tensors =
        GoldenTensors.read(folder.resolve(expected.getFileName() + ".safetensors"));
    JsonNode json = GoldenTensors.json(folder.resolve(expected.getFileName() + ".json"));
    try (KvCache cache = model.newCache(KvType.F32, 32)) {
      for (JsonNode sequence : json.get("sequences")) {
        String name = sequence.get("name").stringValue();
        if (!names.contains(name)) {
          continue;
        }
        int[] ids = GoldenTensors.ids(sequence.get("input_ids"));
        GoldenComparison comparison = new GoldenComparison(tensors, name + ".", tolerance);
        model.listen(comparison);
        float[] logits = Forward.logits(model, cache, ids, ids.length);
        model.listen(ForwardListener.NONE);
        assertThat(comparison.problems).isEmpty();
        assertThat(comparison.compared).isPositive();
        assertThat(distance(logits, tensors.get(name + ".logits"))).isLessThan(tolerance);
        if (greedy) {
          int[] greedyIds = GoldenTensors.ids(sequence.get("greedy_ids"));
          assertThat(Forward.greedy(model, cache, ids, greedyIds.length)).isEqualTo(greedyIds);
        }
      }
    }
  }

  @Override
  public void routed(int layer, int rows, Rows logits, RouterResult routing) {
    float[] experts = new float[rows * routing.topK()];
    float[] weights = new float[experts.length];
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < routing.topK(); rank++) {
        experts[row * routing.topK() + rank] = routing.expert(row, rank);
        weights[row * routing.topK() + rank] = routing.weight(row, rank);
      }
    }
    compare(layer, "router_logits", Forward.copy(logits, rows));
    compare(layer, "weights", weights);
    if (distance(experts, expected.get(key(layer, "experts"))) != 0) {
      problems.add("layer " + layer + ": other experts");
    }
  }

  @Override
  public void mlpOutput(int layer, int rows, Rows output) {
    boolean moe = expected.has(key(layer, "moe_output"));
    compare(layer, moe ? "moe_output" : "mlp_output", Forward.copy(output, rows));
  }

  @Override
  public void hidden(int layer, int rows, Rows hidden) {
    compare(layer, "hidden", Forward.copy(hidden, rows));
  }

  private String key(int layer, String what) {
    return prefix + "layers." + layer + "." + what;
  }

  private void compare(int layer, String what, float[] actual) {
    compared++;
    double distance = distance(actual, expected.get(key(layer, what)));
    if (!(distance < tolerance)) {
      problems.add("layer %d: %s off by %.2e".formatted(layer, what, distance));
    }
  }
}
