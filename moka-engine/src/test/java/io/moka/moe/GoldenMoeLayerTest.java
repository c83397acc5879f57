package io.moka.moe;

import static io.moka.GoldenTensors.distance;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.MatrixView;
import io.moka.weights.Packer;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;

/** Every router setting of the golden data, by every path through the experts. */
class GoldenMoeLayerTest {
  private static final Path FOLDER = GoldenTensors.FOLDER.resolve("moe_layer");
  private static final int ROWS = 6;
  private static final int HIDDEN = 32;
  private static final int EXPERTS = 16;
  private static final int WIDTH = 24;
  private static final int SHARED_WIDTH = 40;

  private record Variant(MoePath path, boolean joined) {}

  private static final List<Variant> VARIANTS =
      List.of(
          new Variant(MoePath.DENSE, false),
          new Variant(MoePath.SPARSE, false),
          new Variant(MoePath.FUSED, false),
          new Variant(MoePath.FUSED, true));

  @Test
  void theReferenceKernelsHoldEveryCaseOnEveryPath() throws IOException {
    checkAll(new ReferenceKernels());
  }

  @Test
  void theVectorKernelsHoldEveryCaseOnEveryPath() throws IOException {
    checkAll(KernelChoice.VECTOR.open(1));
    checkAll(KernelChoice.VECTOR.open(2));
  }

  private static void checkAll(Kernels kernels) throws IOException {
    GoldenTensors weights = GoldenTensors.read(FOLDER.resolve("weights.safetensors"));
    JsonNode cases = GoldenTensors.json(FOLDER.resolve("cases.json")).get("cases");
    assertThat(cases.size()).isEqualTo(33);
    try (kernels;
        Arena arena = Arena.ofShared()) {
      for (JsonNode settings : cases) {
        for (Variant variant : VARIANTS) {
          check(kernels, arena, weights, settings, variant);
        }
      }
    }
  }

  private static void check(
      Kernels kernels, Arena arena, GoldenTensors weights, JsonNode settings, Variant variant)
      throws IOException {
    String name = settings.get("name").stringValue();
    GoldenTensors expected = GoldenTensors.read(FOLDER.resolve(settings.get("file").stringValue()));
    RoutingRule rule = rule(settings);
    MoeWorkspace space =
        new MoeWorkspace(arena, variant.path(), ROWS, EXPERTS, rule.topK(), HIDDEN, WIDTH);
    Rows x = rows(arena, expected.get("x"));
    Rows out = Rows.allocate(arena, ROWS, HIDDEN);
    layer(arena, weights, settings, rule, variant).forward(kernels, x, ROWS, space, out);

    String as = name + " " + variant + " " + kernels.description();
    double tolerance = name.equals("tiny-scores") || name.startsWith("large-logits") ? 5e-5 : 5e-6;
    assertThat(experts(space.routing())).as(as).isEqualTo(expected.get("experts"));
    assertThat(distance(weights(space.routing()), expected.get("weights")))
        .as(as)
        .isLessThan(tolerance);
    assertThat(distance(floats(out), expected.get("output"))).as(as).isLessThan(tolerance);
  }

  private static RoutingRule rule(JsonNode settings) {
    return new RoutingRule(
        switch (settings.get("score").stringValue()) {
          case "softmax" -> RoutingRule.Score.SOFTMAX;
          case "sigmoid" -> RoutingRule.Score.SIGMOID;
          case "sqrtsoftplus" -> RoutingRule.Score.SQRT_SOFTPLUS;
          default -> throw new IllegalArgumentException(settings.toString());
        },
        settings.get("top_k").intValue(),
        settings.get("n_group").intValue(),
        settings.get("topk_group").intValue(),
        settings.get("renormalize").booleanValue(),
        (float) settings.get("routed_scaling_factor").doubleValue());
  }

  private static MoeLayer layer(
      Arena arena, GoldenTensors weights, JsonNode settings, RoutingRule rule, Variant variant) {
    JsonNode bias = settings.get("bias");
    JsonNode shared = settings.get("shared");
    return new MoeLayer(
        0,
        variant.path(),
        Packer.pack(arena, matrix(weights, "router", 0, EXPERTS, HIDDEN)),
        new Router(rule, EXPERTS),
        bias.isNull() ? new float[0] : weights.get(bias.stringValue()),
        experts(arena, weights, "experts", EXPERTS, WIDTH, variant.joined()),
        shared.isNull()
            ? Optional.empty()
            : Optional.of(shared(arena, weights, shared.stringValue(), variant.joined())));
  }

  private static SharedExpert shared(
      Arena arena, GoldenTensors weights, String kind, boolean join) {
    return new SharedExpert(
        experts(arena, weights, "shared", 1, SHARED_WIDTH, join),
        kind.equals("gated")
            ? Optional.of(Packer.pack(arena, matrix(weights, "shared.router", 0, 1, HIDDEN)))
            : Optional.empty());
  }

  private static ExpertWeights experts(
      Arena arena, GoldenTensors weights, String name, int count, int width, boolean join) {
    List<Tensor> gate = matrices(weights, name + ".gate", count, width, HIDDEN);
    List<Tensor> up = matrices(weights, name + ".up", count, width, HIDDEN);
    List<Tensor> down = matrices(weights, name + ".down", count, HIDDEN, width);
    ExpertWeights.GateUp gateUp =
        join
            ? new ExpertWeights.Joined(
                IntStream.range(0, count)
                    .mapToObj(e ->
                        Packer.join(arena, MatrixView.of(gate.get(e)), MatrixView.of(up.get(e))))
                    .toList())
            : new ExpertWeights.Apart(
                gate.stream().map(tensor -> Packer.pack(arena, tensor)).toList(),
                up.stream().map(tensor -> Packer.pack(arena, tensor)).toList());
    return new ExpertWeights(
        gateUp,
        down.stream().map(tensor -> Packer.pack(arena, tensor)).toList(),
        Activation.SILU,
        HIDDEN,
        width);
  }

  private static List<Tensor> matrices(
      GoldenTensors weights, String name, int count, int rows, int columns) {
    return IntStream.range(0, count)
        .mapToObj(index -> matrix(weights, name, index, rows, columns))
        .toList();
  }

  private static Tensor matrix(
      GoldenTensors weights, String name, int index, int rows, int columns) {
    int size = rows * columns;
    float[] values = Arrays.copyOfRange(weights.get(name), index * size, (index + 1) * size);
    MemorySegment data = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
    return new Tensor(name, WeightFormat.F32, List.of((long) rows, (long) columns), data);
  }

  private static Rows rows(Arena arena, float[] values) {
    Rows rows = Rows.allocate(arena, ROWS, HIDDEN);
    for (int i = 0; i < values.length; i++) {
      rows.set(i / HIDDEN, i % HIDDEN, values[i]);
    }
    return rows;
  }

  private static float[] floats(Rows rows) {
    float[] values = new float[ROWS * rows.columns()];
    for (int i = 0; i < values.length; i++) {
      values[i] = rows.get(i / rows.columns(), i % rows.columns());
    }
    return values;
  }

  private static float[] experts(RouterResult routing) {
    float[] values = new float[ROWS * routing.topK()];
    for (int i = 0; i < values.length; i++) {
      values[i] = routing.expert(i / routing.topK(), i % routing.topK());
    }
    return values;
  }

  private static float[] weights(RouterResult routing) {
    float[] values = new float[ROWS * routing.topK()];
    for (int i = 0; i < values.length; i++) {
      values[i] = routing.weight(i / routing.topK(), i % routing.topK());
    }
    return values;
  }
}
