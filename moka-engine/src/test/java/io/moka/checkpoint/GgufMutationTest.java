package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damages GGUF models in thousands of ways. Each either opens, and then every tensor and the
 * vocabulary can be read to their ends, or ends in one of Moka's own exceptions.
 */
class GgufMutationTest {
  private static final long SEED = 20260119;
  private static final Path TINY = Path.of("src/test/resources/golden/gguf-tiny");

  @TempDir private Path temp;

  private final DamageReport outcomes = new DamageReport();

  @Test
  @Timeout(180)
  void structure() throws IOException {
    for (int i = 0; i < 8000; i++) {
      GgufBytes file = GgufBytes.model(i % 3 == 0 ? "llama" : "qwen3moe");
      byte[] damaged = new GgufMutator(new Random(SEED + i)).mutate(file);
      open(Files.write(temp.resolve("model.gguf"), damaged), i);
    }
    outcomes.print(SEED);
    assertThat(outcomes.total()).isEqualTo(8000);
  }

  @Test
  @Timeout(180)
  void bytesOfWholeModels() throws IOException {
    for (String name : new String[] {"tiny-qwen3moe-yarn-Q8_0", "tiny-qwen3moe-MXFP4"}) {
      byte[] whole = Files.readAllBytes(TINY.resolve(name + ".gguf"));
      for (int i = 0; i < 2000; i++) {
        byte[] damaged = new GgufMutator(new Random(SEED + i)).damageBytes(whole);
        open(Files.write(temp.resolve("model.gguf"), damaged), i);
      }
    }
    outcomes.print(SEED);
  }

  @Test
  @Timeout(180)
  void partsOfSplitModels() throws IOException {
    String name = "tiny-qwen3moe-split-Q8_0-0000%d-of-00002.gguf";
    for (int i = 0; i < 2000; i++) {
      for (int part = 1; part <= 2; part++) {
        byte[] bytes = Files.readAllBytes(TINY.resolve(name.formatted(part)));
        Random random = new Random(SEED + i);
        if (i % 2 == part - 1) {
          bytes = new GgufMutator(random).damageBytes(bytes);
        }
        Files.write(temp.resolve(name.formatted(part)), bytes);
      }
      open(temp.resolve(name.formatted(1 + i % 2)), i);
    }
    outcomes.print(SEED);
  }

  /** The counts and numbers of a split model, each set to each of many values. */
  @Test
  @Timeout(180)
  void keysOfSplitModels() throws IOException {
    Random random = new Random(SEED);
    Path first = temp.resolve("x-00001-of-00002.gguf");
    Path second = temp.resolve("x-00002-of-00002.gguf");
    for (int i = 0; i < 1000; i++) {
      GgufBytes one = GgufBytes.model("qwen3moe").set("split.no", 0).set("split.count", 2);
      GgufBytes two = new GgufBytes().set("split.no", 1).set("split.count", 2);
      two.tensors.addAll(one.tensors.subList(20, one.tensors.size()));
      one.tensors.subList(20, one.tensors.size()).clear();
      one.set("split.tensors.count", 27);
      byte[] damaged = new GgufMutator(random).mutate(two);
      boolean swap = random.nextInt(20) == 0;
      one.write(swap ? second : first);
      Files.write(swap ? first : second, damaged);
      open(first, i);
    }
    outcomes.print(SEED);
  }

  private void open(Path file, int i) {
    outcomes.open(() -> GgufCheckpoint.open(file), "seed " + SEED + ", file " + i);
  }
}
