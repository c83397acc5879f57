package io.moka.model;

import io.moka.GoldenTensors;
import io.moka.checkpoint.GgufCheckpoint;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.vector.VectorKernels;
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
  private static final double TOLERANCE = 2e-5;

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
        .filter(model -> model.matches(".*-B?F(16|32)"))
        .flatMap(model ->
            PATHS.stream()
                .flatMap(
                    path -> Stream.of(1, 2).map(threads -> Arguments.of(model, path, threads))));
  }

  @ParameterizedTest
  @MethodSource("modelsAndPaths")
  void theVectorKernelsEqualTheReference(String model, TransformerOptions options, int threads)
      throws IOException {
    try (Kernels kernels = new VectorKernels(threads)) {
      check(model, kernels, options, true);
    }
  }

  @ParameterizedTest
  @MethodSource("models")
  void theReferenceKernelsEqualTheReference(String model) throws IOException {
    for (TransformerOptions options : PATHS) {
      try (Kernels kernels = new ReferenceKernels()) {
        check(model, kernels, options, false);
      }
    }
  }

  private static void check(
      String name, Kernels kernels, TransformerOptions options, boolean greedy) throws IOException {
    try (GgufCheckpoint checkpoint = GgufCheckpoint.open(FOLDER.resolve(name + ENDING));
        Transformer model = Transformer.load(checkpoint, kernels, options, share -> {})) {
      GoldenComparison.check(
          model, FOLDER.resolve(name + ".expected"), List.of("prompt"), TOLERANCE, greedy);
    }
  }
}
