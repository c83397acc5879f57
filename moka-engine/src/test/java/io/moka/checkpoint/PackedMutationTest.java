package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damages packed files in thousands of ways. Each either opens, and then every piece can be read to
 * its end and the model runs, or ends in one of Moka's own exceptions.
 */
class PackedMutationTest {
  private static final long SEED = 20261126;
  private static final Path TINY = Path.of("src/test/resources/golden/gguf-tiny");

  @TempDir private Path temp;

  private final DamageReport outcomes = new DamageReport();

  @Test
  @Timeout(300)
  void randomModel() throws IOException {
    try (Checkpoint model = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
      damage(model, 6000);
    }
  }

  @Test
  @Timeout(300)
  void quantisedModelWithVocabulary() throws IOException {
    for (String name : new String[] {"tiny-qwen3moe-MXFP4", "tiny-llama-moe-F32"}) {
      try (Checkpoint model = GgufCheckpoint.open(TINY.resolve(name + ".gguf"))) {
        damage(model, 2000);
      }
    }
  }

  @Test
  @Timeout(300)
  void modelOfThreeProjections() throws IOException {
    try (Checkpoint model = keysInFloats()) {
      damage(model, 2000);
    }
  }

  /** Its projections cannot share a matrix. */
  private static Checkpoint keysInFloats() {
    return new MixedTypes(
        RandomCheckpoint.of(TinyModels.QWEN, 2), key -> key.part() == TensorKey.Part.WK);
  }

  private void damage(Checkpoint model, int times) throws IOException {
    Path file = temp.resolve("model.moka");
    PackedWriter.write(model, file, false, 1, share -> {});
    byte[] whole = Files.readAllBytes(file);
    assertThat(PackedBytes.of(whole).build()).isEqualTo(whole);
    try (Kernels kernels = new ReferenceKernels()) {
      for (int i = 0; i < times; i++) {
        Files.write(file, new PackedMutator(new Random(SEED + i)).mutate(whole));
        outcomes.open(
            () -> PackedCheckpoint.open(file),
            "seed " + SEED + ", file " + i,
            checkpoint -> run(checkpoint, kernels));
      }
    }
    outcomes.print(SEED);
    assertThat(outcomes.total()).isGreaterThanOrEqualTo(times);
    Files.delete(file);
  }

  private static void run(Checkpoint checkpoint, Kernels kernels) {
    ModelConfig config = checkpoint.config();
    try (Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});
        KvCache cache = model.newCache(KvType.F32, 1)) {
      Batch batch = new Batch();
      batch.add(new int[] {0, config.vocabSize() - 1}, 0, 2, 0, i -> i, Batch.Logits.LAST);
      model.forward(batch, cache);
      assertThat(model.logits(0, 1).columns()).isEqualTo(config.vocabSize());
    }
  }
}
