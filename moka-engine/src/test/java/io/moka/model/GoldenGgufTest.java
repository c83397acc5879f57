package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.GoldenTensors;
import io.moka.checkpoint.GgufCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.x86.InstructionSet;
import io.moka.kernels.cpu.x86.X86Kernels;
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

/** Tiny GGUF models of every type against values that another implementation computed. */
class GoldenGgufTest {
  private static final Path FOLDER = GoldenTensors.FOLDER.resolve("gguf-tiny");
  private static final String ENDING = ".gguf";

  /** What float32 activations give, whatever the type of the weights. */
  private static final double EXACT = 2e-5;

  /** What activations of 8 bits may give; llama.cpp, which rounds them too, is 0.036 away. */
  private static final double ROUNDED = 0.06;

  private static final double ROUNDED_ROOT_MEAN_SQUARE = 0.04;

  /** What two parts of 8 bits may give; within a layer they are up to 0.0003 away. */
  private static final double IN_TWO_PARTS = 5e-4;

  private static final double IN_TWO_PARTS_ROOT_MEAN_SQUARE = 2e-4;

  /**
   * Its two best logits after the prompt lie 0.021 of the largest apart, less than the 0.038 by
   * which rounding once moves single logits of it; every other model keeps all its greedy ids.
   */
  private static final String CLOSE_CHOICE = "tiny-qwen3moe-Q4_1";

  private static final List<Activations> ALL =
      List.of(Activations.EXACT, Activations.INT8, Activations.INT8X2);

  private static final List<TransformerOptions> PATHS =
      List.of(
          TransformerOptions.DEFAULT,
          new TransformerOptions(MoePath.FUSED, false, false),
          new TransformerOptions(MoePath.SPARSE, false, false),
          new TransformerOptions(MoePath.DENSE, false, false));

  static Stream<String> models() throws IOException {
    try (Stream<Path> all = Files.list(FOLDER)) {
      return all
          .map(file -> file.getFileName().toString())
          .filter(name -> name.endsWith(ENDING) && !name.contains("-00002-of-"))
          .map(name -> name.substring(0, name.length() - ENDING.length()))
          .sorted()
          .toList()
          .stream();
    }
  }

  static Stream<Arguments> modelsAndPaths() throws IOException {
    return models()
        .flatMap(model ->
            PATHS.stream()
                .flatMap(
                    path -> Stream.of(1, 2).map(threads -> Arguments.of(model, path, threads))));
  }

  @ParameterizedTest
  @MethodSource("modelsAndPaths")
  void exactActivationsGiveTheExpectedValues(String model, TransformerOptions options, int threads)
      throws IOException {
    try (Kernels kernels = KernelChoice.VECTOR.open(threads, Activations.EXACT)) {
      check(model, kernels, options, EXACT, true);
    }
  }

  @ParameterizedTest
  @MethodSource("modelsAndPaths")
  void roundedActivationsComeNear(String name, TransformerOptions options, int threads)
      throws IOException {
    try (Kernels kernels = KernelChoice.VECTOR.open(threads, Activations.INT8)) {
      check(name, kernels, options, ROUNDED, !name.equals(CLOSE_CHOICE));
      assertThat(rootMeanSquareDistance(name, kernels, options))
          .isLessThan(ROUNDED_ROOT_MEAN_SQUARE);
    }
  }

  @ParameterizedTest
  @MethodSource("modelsAndPaths")
  void activationsInTwoPartsComeMuchNearer(String name, TransformerOptions options, int threads)
      throws IOException {
    try (Kernels kernels = KernelChoice.VECTOR.open(threads, Activations.INT8X2)) {
      check(name, kernels, options, IN_TWO_PARTS, true);
      assertThat(rootMeanSquareDistance(name, kernels, options))
          .isLessThan(IN_TWO_PARTS_ROOT_MEAN_SQUARE);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void theReferenceKernelsGiveTheExpectedValues(String model) throws IOException {
    for (TransformerOptions options : PATHS) {
      try (Kernels kernels = new ReferenceKernels()) {
        check(model, kernels, options, EXACT, false);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void threadsAndChunksChangeNoBit(String name) throws IOException {
    for (Activations activations : ALL) {
      try (Kernels one = KernelChoice.VECTOR.open(1, activations);
          Kernels two = KernelChoice.VECTOR.open(2, activations)) {
        for (TransformerOptions options : PATHS) {
          float[] whole = logits(name, one, options, 1000);
          for (int chunk : new int[] {1, 7, 1000}) {
            assertThat(logits(name, two, options, chunk))
                .as("%s, %s, chunk %d", activations, options, chunk)
                .isEqualTo(whole);
          }
        }
      }
    }
  }

  static Stream<Arguments> modelsAndSteps() throws IOException {
    return models()
        .flatMap(
            model -> Stream.of(InstructionSet.values()).map(most -> Arguments.of(model, most)));
  }

  /** So what the other tests find of the Vector API holds for machine code too. */
  @ParameterizedTest
  @MethodSource("modelsAndSteps")
  void machineCodeGivesTheBitsOfTheVectorApi(String name, InstructionSet most) throws IOException {
    for (Activations activations : ALL) {
      try (Kernels vector = KernelChoice.VECTOR.open(2, activations);
          Kernels code = X86Kernels.open(2, activations, most)) {
        // tiles of bf16 have an order of summation of their own
        boolean differs = name.endsWith("BF16") && code.description().contains("AMX");
        for (TransformerOptions options : PATHS) {
          if (differs) {
            check(name, code, options, activations == Activations.EXACT ? EXACT : ROUNDED, false);
          }
          float[] expected = logits(name, differs ? code : vector, options, 1000);
          for (int chunk : new int[] {1, 7, 1000}) {
            assertThat(logits(name, code, options, chunk))
                .as("%s, %s, chunk %d", activations, options, chunk)
                .isEqualTo(expected);
          }
        }
      }
    }
  }

  private static void check(
      String name, Kernels kernels, TransformerOptions options, double tolerance, boolean greedy)
      throws IOException {
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(FOLDER.resolve(name + ENDING));
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {})) {
      GoldenComparison.check(
          model, FOLDER.resolve(name + ".expected"), List.of("prompt"), tolerance, greedy);
    }
  }

  private static float[] logits(String name, Kernels kernels, TransformerOptions options, int chunk)
      throws IOException {
    int[] ids =
        GoldenTensors.ids(
            GoldenTensors.json(FOLDER.resolve(name + ".expected.json"))
                .get("sequences")
                .get(0)
                .get("input_ids"));
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(FOLDER.resolve(name + ENDING));
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {});
        KvCache cache = model.newCache(KvType.F32, 32)) {
      return Forward.logits(model, cache, ids, chunk);
    }
  }

  /** The root mean square of the difference, relative to that of the expected values. */
  private static double rootMeanSquareDistance(
      String name, Kernels kernels, TransformerOptions options) throws IOException {
    float[] expected =
        GoldenTensors.read(FOLDER.resolve(name + ".expected.safetensors")).get("prompt.logits");
    float[] actual = logits(name, kernels, options, 1000);
    assertThat(actual).hasSameSizeAs(expected);
    double difference = 0;
    double magnitude = 0;
    for (int i = 0; i < actual.length; i++) {
      difference += Math.pow((double) actual[i] - expected[i], 2);
      magnitude += Math.pow(expected[i], 2);
    }
    return Math.sqrt(difference / magnitude);
  }
}
