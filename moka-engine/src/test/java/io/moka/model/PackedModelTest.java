package io.moka.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.GoldenTensors;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.PackedCheckpoint;
import io.moka.checkpoint.PackedWriter;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.moe.MoePath;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** A model gives the same bits from its own files and from its packed file, on every path. */
class PackedModelTest {
  private static final List<TransformerOptions> PATHS =
      List.of(
          TransformerOptions.DEFAULT,
          new TransformerOptions(MoePath.FUSED, false, false),
          new TransformerOptions(MoePath.SPARSE, false, false),
          new TransformerOptions(MoePath.DENSE, false, false));

  @TempDir private Path temp;

  static Stream<Path> models() throws IOException {
    Stream<Path> gguf =
        GoldenGgufTest.models()
            .map(name -> GoldenTensors.FOLDER.resolve("gguf-tiny").resolve(name + ".gguf"));
    return Stream.concat(GoldenModelTest.folders(), gguf);
  }

  @ParameterizedTest
  @MethodSource("models")
  void keptNumbersGiveTheSameBits(Path model) {
    Path file = temp.resolve("model.moka");
    try (Checkpoint source = Checkpoint.open(model)) {
      PackedWriter.write(source, file, false, 2, share -> {});
    }
    for (Activations activations : List.of(Activations.EXACT, Activations.AUTO)) {
      try (Kernels kernels = KernelChoice.AUTO.open(2, activations);
          Checkpoint source = Checkpoint.open(model);
          Checkpoint packed = Checkpoint.open(file)) {
        assertThat(packed).isInstanceOf(PackedCheckpoint.class);
        assertThat(packed.config()).isEqualTo(source.config());
        assertThat(packed.generationDefaults()).isEqualTo(source.generationDefaults());
        for (TransformerOptions options : PATHS) {
          assertThat(logits(packed, kernels, options))
              .as("%s, %s", activations, options)
              .isEqualTo(logits(source, kernels, options));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void quantisedNumbersGiveTheSameBits(Quantisation quantisation) {
    for (Path model :
        List.of(
            Path.of("../models/fairytales-moe"),
            GoldenTensors.FOLDER.resolve("qwen3moe-sparse-step"),
            GoldenTensors.FOLDER.resolve("gguf-tiny/tiny-qwen3moe-F16.gguf"),
            GoldenTensors.FOLDER.resolve("gguf-tiny/tiny-llama-moe-F32.gguf"))) {
      Path file = temp.resolve(model.getFileName() + ".moka");
      try (Kernels kernels = KernelChoice.AUTO.open(2, Activations.AUTO);
          Checkpoint plain = Checkpoint.open(model);
          QuantisedCheckpoint source = QuantisedCheckpoint.of(plain, quantisation)) {
        PackedWriter.write(source, file, false, 2, share -> {});
        assertThat(source.errors().values()).allMatch(error -> error >= 0 && error < 0.12);
        assertThat(source.errors().isEmpty())
            .isEqualTo(
                quantisation == Quantisation.KEEP
                    || quantisation == Quantisation.BF16 && !model.toString().endsWith(".gguf"));
        try (Checkpoint packed = Checkpoint.open(file)) {
          for (TransformerOptions options : PATHS) {
            assertThat(logits(packed, kernels, options))
                .as("%s, %s", model, options)
                .isEqualTo(logits(source, kernels, options));
          }
        }
      }
    }
  }

  /** The head alone is read, which brings its neighbourhood in, but never the file. */
  @Test
  void loadingTouchesNoWeights() throws IOException {
    Path smaps = Path.of("/proc/self/smaps");
    assumeTrue(Files.exists(smaps), "only Linux says which pages of a file are mapped");
    Path file = temp.resolve("model.moka");
    try (Checkpoint source = Checkpoint.open(Path.of("../models/fairytales-moe"))) {
      PackedWriter.write(source, file, false, 2, share -> {});
    }
    try (Kernels kernels = KernelChoice.AUTO.open(2, Activations.AUTO);
        Checkpoint packed = Checkpoint.open(file);
        Transformer model =
            Transformer.load(packed, kernels, TransformerOptions.DEFAULT, share -> {})) {
      long resident = 0;
      boolean ours = false;
      for (String line : Files.readAllLines(smaps)) {
        ours = line.matches("[0-9a-f]+-[0-9a-f]+ .*") ? line.endsWith(file.toString()) : ours;
        if (ours && line.startsWith("Rss:")) {
          resident += 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
        }
      }
      assertThat(Files.size(file)).isGreaterThan(15L << 20);
      assertThat(resident).isBetween(1L, 4L << 20);
      assertThat(model.config()).isEqualTo(packed.config());
    }
  }

  private static float[] logits(
      Checkpoint checkpoint, Kernels kernels, TransformerOptions options) {
    int vocabulary = checkpoint.config().vocabSize();
    int[] ids = IntStream.range(0, 19).map(i -> (i * 31 + 7) % vocabulary).toArray();
    try (Transformer model = Transformer.load(checkpoint, kernels, options, share -> {});
        KvCache cache = model.newCache(KvType.F32, 4)) {
      float[] logits = Forward.logits(model, cache, ids, 7);
      assertThat(Arrays.stream(ids).distinct().count()).isGreaterThan(10);
      return logits;
    }
  }
}
