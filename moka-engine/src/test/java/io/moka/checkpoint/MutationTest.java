package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Damages files of models in thousands of ways. Each either opens, and then every tensor can be
 * read to its end, or ends in one of Moka's own exceptions; nothing else may come out of a file.
 */
class MutationTest {
  private static final long SEED = 20260117;
  private static final int EACH = 3000;
  private static final String WEIGHTS = "model.safetensors";

  /** Values of the header's length that have broken readers. */
  private static final long[] LENGTHS = {
    0,
    1,
    2,
    7,
    100_000_000,
    100_000_001,
    Integer.MAX_VALUE,
    1L << 32,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -8
  };

  @TempDir private Path temp;

  private Path single;
  private Path sharded;
  private final DamageReport outcomes = new DamageReport();

  @BeforeEach
  void writeModels() {
    single = temp.resolve("single");
    sharded = temp.resolve("sharded");
    try (Checkpoint qwen = RandomCheckpoint.of(TinyModels.QWEN, 1);
        Checkpoint mixtral = RandomCheckpoint.of(TinyModels.MIXTRAL, 1)) {
      CheckpointWriter.write(qwen, single);
      CheckpointWriter.write(mixtral, sharded, 300);
    }
  }

  @Test
  @Timeout(120)
  void headersOfSafetensors() throws IOException {
    damage(single.resolve(WEIGHTS), single, MutationTest::damageSafetensors);
    outcomes.print(SEED);
  }

  @Test
  @Timeout(120)
  void configurations() throws IOException {
    damage(single.resolve("config.json"), single, MutationTest::damageJson);
    damage(sharded.resolve("config.json"), sharded, MutationTest::damageJson);
    Path generation = single.resolve("generation_config.json");
    Files.writeString(
        generation,
        "{\"do_sample\": true, \"temperature\": 0.6, \"top_k\": 20, \"top_p\": 0.95, \"min_p\":"
            + " 0.1, \"repetition_penalty\": 1.0, \"eos_token_id\": [2, 3]}");
    damage(generation, single, MutationTest::damageJson);
    outcomes.print(SEED);
  }

  @Test
  @Timeout(120)
  void indicesOfShards() throws IOException {
    damage(sharded.resolve(WEIGHTS + ".index.json"), sharded, MutationTest::damageJson);
    List<Path> shards =
        files(sharded).stream()
            .filter(file -> file.toString().endsWith(".safetensors"))
            .sorted()
            .toList();
    assertThat(shards).hasSizeGreaterThan(1);
    damage(shards.get(1), sharded, MutationTest::damageSafetensors);
    outcomes.print(SEED);
  }

  @Test
  @Timeout(120)
  void linksOfTheCache() throws IOException {
    Path root = temp.resolve("models--org--name");
    Path snapshot = Files.createDirectories(root.resolve("snapshots/abc"));
    Path blobs = Files.createDirectories(root.resolve("blobs"));
    Path outside = Files.createDirectories(temp.resolve("models--org--name-too"));
    for (Path file : files(single)) {
      Files.copy(file, blobs.resolve(file.getFileName()));
      Files.copy(file, outside.resolve(file.getFileName()));
    }
    Random random = new Random(SEED);
    for (int i = 0; i < 1000; i++) {
      for (String name : List.of("config.json", WEIGHTS)) {
        Path link = snapshot.resolve(name);
        Files.deleteIfExists(link);
        Files.createSymbolicLink(
            link,
            switch (random.nextInt(9)) {
              case 0 -> outside.resolve(name);
              case 1 -> Path.of("../../../models--org--name-too").resolve(name);
              case 2 -> Path.of("/dev/zero");
              case 3 -> link;
              case 4 -> Path.of("..");
              case 5 -> Path.of("../../blobs/missing");
              default -> Path.of("../../blobs").resolve(name);
            });
      }
      boolean inside = files(snapshot).stream().allMatch(file -> isIn(blobs, file));
      assertThat(open(snapshot, "seed " + SEED + ", link " + i)).isEqualTo(inside);
    }
    outcomes.print(SEED);
  }

  private void damage(Path file, Path folder, BiFunction<byte[], Random, byte[]> how)
      throws IOException {
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < EACH; i++) {
      Files.write(file, how.apply(whole, new Random(SEED + i)));
      open(folder, "seed " + (SEED + i) + ", file " + file.getFileName());
    }
    Files.write(file, whole);
    HuggingFaceCheckpoint.open(folder).close();
  }

  private static byte[] damageJson(byte[] json, Random random) {
    return new JsonMutator(random).mutate(json);
  }

  /**
   * Damages length, header or data; the length mostly follows the header, so that damage gets past
   * it.
   */
  private static byte[] damageSafetensors(byte[] whole, Random random) {
    int length = (int) ByteBuffer.wrap(whole).order(ByteOrder.LITTLE_ENDIAN).getLong();
    byte[] header = Arrays.copyOfRange(whole, 8, 8 + length);
    byte[] data = Arrays.copyOfRange(whole, 8 + length, whole.length);
    JsonMutator mutator = new JsonMutator(random);
    long claimed = length;
    switch (random.nextInt(8)) {
      case 0 -> claimed = LENGTHS[random.nextInt(LENGTHS.length)];
      case 1 -> claimed = length + random.nextInt(32) - 16;
      case 2 -> data = mutator.bytes(data);
      case 3 -> {
        return mutator.bytes(whole);
      }
      default -> {
        header = mutator.mutate(header);
        claimed = header.length;
      }
    }
    ByteBuffer claim = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN).putLong(0, claimed);
    return JsonMutator.join(claim.array(), header, data);
  }

  private boolean open(Path folder, String what) {
    return outcomes.open(() -> HuggingFaceCheckpoint.open(folder), what);
  }

  private static List<Path> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.toList();
    }
  }

  private static boolean isIn(Path blobs, Path link) {
    try {
      return Files.isRegularFile(link) && link.toRealPath().startsWith(blobs.toRealPath());
    } catch (IOException e) {
      return false;
    }
  }
}
