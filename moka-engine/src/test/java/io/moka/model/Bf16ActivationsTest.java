package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.checkpoint.HuggingFaceCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.moe.MoePath;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;

/** Whole models of bf16 weights whose activations are rounded to bf16 too. */
class Bf16ActivationsTest {
  private static final List<TransformerOptions> PATHS =
      List.of(
          TransformerOptions.DEFAULT,
          new TransformerOptions(MoePath.FUSED, false, false),
          new TransformerOptions(MoePath.SPARSE, false, false),
          new TransformerOptions(MoePath.DENSE, false, false));

  /**
   * Each rounding moves a number by up to 0.002 of it, and layers add up what they do: from 0.006
   * to 0.010 in these models. Exact activations are nearer than 0.00002.
   */
  private static final double NEAR = 0.02;

  private static final double NOT_EXACT = 0.0005;

  static Stream<Path> folders() {
    return Stream.of("mixtral-bf16", "mixtral-bf16-window24", "qwen3moe-bf16-sharded")
        .map(GoldenTensors.FOLDER::resolve);
  }

  private static float[] logits(
      Path folder, Kernels kernels, TransformerOptions options, int[] ids, int chunk)
      throws IOException {
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder);
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {});
        KvCache cache = model.newCache(KvType.F32, 32)) {
      return Forward.logits(model, cache, ids, chunk);
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void comeNearTheExpectedValues(Path folder) throws IOException {
    GoldenTensors tensors = GoldenTensors.read(folder.resolve("expected.safetensors"));
    for (JsonNode sequence : GoldenTensors.json(folder.resolve("expected.json")).get("sequences")) {
      int[] ids = GoldenTensors.ids(sequence.get("input_ids"));
      String name = sequence.get("name").stringValue();
      try (Kernels kernels = KernelChoice.VECTOR.open(2, Activations.BF16)) {
        float[] logits = logits(folder, kernels, TransformerOptions.DEFAULT, ids, ids.length);
        float[] expected = tensors.get(name + ".logits");
        assertThat(rootMeanSquareDistance(logits, expected)).isBetween(NOT_EXACT, NEAR);
      }
    }
  }

  /** The root mean square of the difference, relative to that of the expected values. */
  private static double rootMeanSquareDistance(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    double difference = 0;
    double magnitude = 0;
    for (int i = 0; i < actual.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      magnitude += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / magnitude);
  }

  @ParameterizedTest
  @MethodSource("folders")
  void threadsChunksAndMachineCodeChangeNoBit(Path folder) throws IOException {
    JsonNode sequences = GoldenTensors.json(folder.resolve("expected.json")).get("sequences");
    int[] ids = GoldenTensors.ids(sequences.get(1).get("input_ids"));
    for (TransformerOptions options : PATHS) {
      float[] whole;
      try (Kernels one = KernelChoice.VECTOR.open(1, Activations.BF16)) {
        whole = logits(folder, one, options, ids, ids.length);
      }
      for (KernelChoice choice : List.of(KernelChoice.VECTOR, KernelChoice.AUTO)) {
        try (Kernels one = choice.open(1, Activations.BF16);
            Kernels two = choice.open(2, Activations.BF16)) {
          if (two.description().contains("AMX")) {
            // tiles have an order of summation of their own
            whole = logits(folder, one, options, ids, ids.length);
          }
          for (int chunk : new int[] {1, 7, ids.length}) {
            assertThat(logits(folder, two, options, ids, chunk))
                .as("%s, %s, chunk %d", two.description(), options, chunk)
                .isEqualTo(whole);
          }
        }
      }
    }
  }
}
