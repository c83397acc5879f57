package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.checkpoint.HuggingFaceCheckpoint;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.moe.MoePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
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
    try (Kernels kernels = KernelChoice.VECTOR.open(threads)) {
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
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {})) {
      GoldenComparison.check(model, folder.resolve("expected"), names, tolerance(folder), greedy);
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void chunksAndCompanyChangeNoBitOnAnyPath(Path folder) throws IOException {
    JsonNode sequences = GoldenTensors.json(folder.resolve("expected.json")).get("sequences");
    int[] ids = GoldenTensors.ids(sequences.get(1).get("input_ids"));
    for (TransformerOptions options : PATHS) {
      try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
          Kernels one = KernelChoice.VECTOR.open(1);
          Kernels two = KernelChoice.VECTOR.open(2);
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
        Kernels kernels = KernelChoice.VECTOR.open(2);
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
        Kernels kernels = KernelChoice.VECTOR.open(threads);
        Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});
        KvCache cache = model.newCache(KvType.F32, 8)) {
      int[] prompt = GoldenTensors.ids(reference.get("prompt_ids"));
      assertThat(Forward.greedy(model, cache, prompt, expected.length)).isEqualTo(expected);
    }
  }
}
