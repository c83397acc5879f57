package io.moka.model;

import static io.moka.GoldenTensors.distance;
import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.checkpoint.HuggingFaceCheckpoint;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.cpu.vector.VectorKernels;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.moe.MoePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Whole models against values that another implementation computed. */
class GoldenModelTest {
  private static final List<TransformerOptions> PATHS =
      List.of(
          TransformerOptions.DEFAULT,
          new TransformerOptions(MoePath.FUSED, false, false),
          new TransformerOptions(MoePath.SPARSE, false, false),
          new TransformerOptions(MoePath.DENSE, false, false));

  /** What float32 gives; YaRN's long angles cost a little more. */
  private static double tolerance(Path folder) {
    return folder.endsWith("qwen3moe-yarn") ? 5e-5 : 2e-5;
  }

  static Stream<Path> folders() throws IOException {
    try (Stream<Path> all = Files.list(GoldenTensors.FOLDER)) {
      return all
          .filter(folder -> Files.exists(folder.resolve("config.json")))
          .sorted()
          .toList()
          .stream();
    }
  }

  static Stream<Arguments> foldersAndPaths() throws IOException {
    return folders()
        .flatMap(folder ->
            PATHS.stream()
                .flatMap(
                    path -> Stream.of(1, 2).map(threads -> Arguments.of(folder, path, threads))));
  }

  @ParameterizedTest
  @MethodSource("foldersAndPaths")
  void theVectorKernelsEqualTheReference(Path folder, TransformerOptions options, int threads)
      throws IOException {
    try (Kernels kernels = new VectorKernels(threads)) {
      check(folder, kernels, options, List.of("short", "long"), true);
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void theReferenceKernelsEqualTheReference(Path folder) throws IOException {
    for (TransformerOptions options : PATHS) {
      try (Kernels kernels = new ReferenceKernels()) {
        check(folder, kernels, options, List.of("short"), false);
      }
    }
  }

  private static void check(
      Path folder, Kernels kernels, TransformerOptions options, List<String> names, boolean greedy)
      throws IOException {
    GoldenTensors expected = GoldenTensors.read(folder.resolve("expected.safetensors"));
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {});
        KvCache cache = model.newCache(KvType.F32, 32)) {
      for (JsonNode sequence :
          GoldenTensors.json(folder.resolve("expected.json")).get("sequences")) {
        String name = sequence.get("name").stringValue();
        if (!names.contains(name)) {
          continue;
        }
        int[] ids = GoldenTensors.ids(sequence.get("input_ids"));
        Comparison comparison = new Comparison(expected, name + ".", tolerance(folder));
        model.listen(comparison);
        float[] logits = Forward.logits(model, cache, ids, ids.length);
        model.listen(ForwardListener.NONE);
        assertThat(comparison.problems).isEmpty();
        assertThat(comparison.compared).isPositive();
        assertThat(distance(logits, expected.get(name + ".logits"))).isLessThan(tolerance(folder));
        if (greedy) {
          int[] greedyIds = GoldenTensors.ids(sequence.get("greedy_ids"));
          assertThat(Forward.greedy(model, cache, ids, greedyIds.length)).isEqualTo(greedyIds);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void chunksAndCompanyChangeNoBitOnAnyPath(Path folder) throws IOException {
    JsonNode sequences = GoldenTensors.json(folder.resolve("expected.json")).get("sequences");
    int[] ids = GoldenTensors.ids(sequences.get(1).get("input_ids"));
    for (TransformerOptions options : PATHS) {
      try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
          Kernels one = new VectorKernels(1);
          Kernels two = new VectorKernels(2);
          Transformer alone = Transformer.load(checkpoint, one, options, share -> {});
          Transformer model = Transformer.load(checkpoint, two, options, share -> {});
          KvCache cache = model.newCache(KvType.F32, 400)) {
        float[] whole = Forward.logits(alone, cache, ids, ids.length);
        for (int chunk : new int[] {1, 7, 64, ids.length}) {
          assertThat(Forward.logits(model, cache, ids, chunk))
              .as("%s, chunk %d", options, chunk)
              .isEqualTo(whole);
        }
        assertThat(Forward.logitsInCompany(model, cache, ids, 5))
            .as("%s, in company", options)
            .isEqualTo(whole);
      }
    }
  }

  /** Cold code runs in the interpreter, hot code compiled: both must round alike. */
  @ParameterizedTest
  @MethodSource("folders")
  void theHundredthCallChangesNoBit(Path folder) throws IOException {
    JsonNode sequences = GoldenTensors.json(folder.resolve("expected.json")).get("sequences");
    int[] ids = GoldenTensors.ids(sequences.get(0).get("input_ids"));
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
        Kernels kernels = new VectorKernels(2);
        Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});
        KvCache cache = model.newCache(KvType.F32, 4)) {
      float[] first = Forward.logits(model, cache, ids, ids.length);
      for (int call = 2; call <= 100; call++) {
        float[] logits = Forward.logits(model, cache, ids, ids.length);
        assertThat(logits).as("call %d", call).isEqualTo(first);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void theEmbeddedModelTellsItsTale(int threads) throws IOException {
    JsonNode reference =
        GoldenTensors.json(Path.of("src/test/resources/fairytales-moe/reference.json"));
    int[] expected = GoldenTensors.ids(reference.get("greedy_ids"));
    try (HuggingFaceCheckpoint checkpoint =
            HuggingFaceCheckpoint.open(Path.of("../models/fairytales-moe"));
        Kernels kernels = new VectorKernels(threads);
        Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});
        KvCache cache = model.newCache(KvType.F32, 8)) {
      int[] prompt = GoldenTensors.ids(reference.get("prompt_ids"));
      assertThat(Forward.greedy(model, cache, prompt, expected.length)).isEqualTo(expected);
    }
  }

  /** Compares what passes between the layers. */
  private static final class Comparison implements ForwardListener {
    final List<String> problems = new ArrayList<>();
    int compared;
    private final GoldenTensors expected;
    private final String prefix;
    private final double tolerance;

    Comparison(GoldenTensors expected, String prefix, double tolerance) {
      this.expected = expected;
      this.prefix = prefix;
      this.tolerance = tolerance;
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
}
