package io.moka.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Damages GGUF files where their structure is: counts, lengths, types, shapes, offsets. */
final class GgufMutator {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    7,
    31,
    33,
    64,
    255,
    4096,
    65_535,
    1 << 20,
    1 << 24,
    Integer.MAX_VALUE,
    1L << 31,
    (1L << 32) - 1,
    1L << 32,
    1L << 40,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE - 31,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -32
  };
  private static final Object[] VALUES = {
    0,
    1,
    -1,
    3,
    1 << 30,
    Integer.MIN_VALUE,
    5L,
    -1L,
    Long.MAX_VALUE,
    0f,
    1f,
    -1f,
    2f,
    1e38f,
    Float.NaN,
    Float.POSITIVE_INFINITY,
    0.5,
    Double.NaN,
    true,
    false,
    "",
    "model",
    "llama",
    "yarn",
    "qwen3moe",
    "none",
    "x".repeat(5000),
    "\u0000",
    "\n\n"
  };

  private final Random random;

  GgufMutator(Random random) {
    this.random = random;
  }

  /** Changes a file one to three times, then now and then cuts or changes its bytes. */
  byte[] mutate(GgufBytes file) {
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      switch (random.nextInt(8)) {
        case 0 -> head(file);
        case 1, 2, 3 -> pair(file);
        case 4 -> vocabulary(file);
        default -> tensor(file);
      }
    }
    byte[] bytes = file.build();
    return random.nextInt(6) == 0 ? damageBytes(bytes) : bytes;
  }

  /** Flips, cuts, repeats or inserts bytes, or writes a number; mostly within the head. */
  byte[] damageBytes(byte[] original) {
    int head = Math.min(original.length, 3000);
    if (random.nextInt(8) == 0) {
      return Arrays.copyOf(original, random.nextInt(original.length));
    }
    if (random.nextInt(3) == 0) {
      byte[] changed = original.clone();
      int width = random.nextBoolean() ? Long.BYTES : Integer.BYTES;
      ByteBuffer buffer = ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN);
      int at = random.nextInt(head - width);
      if (width == Long.BYTES) {
        buffer.putLong(at, number());
      } else {
        buffer.putInt(at, (int) number());
      }
      return changed;
    }
    byte[] changed = new JsonMutator(random).bytes(Arrays.copyOf(original, head));
    return JsonMutator.join(changed, Arrays.copyOfRange(original, head, original.length));
  }

  private void head(GgufBytes file) {
    switch (random.nextInt(5)) {
      case 0 -> file.claimedTensors = near(file.tensors.size());
      case 1 -> file.claimedPairs = near(file.pairs.size());
      case 2 -> file.magic = random.nextBoolean() ? Integer.reverseBytes(file.magic) : 0;
      case 3 -> {
        int[] versions = {0, 1, 2, 4, -1, 3 << 24, 2 << 24, 65_536};
        file.version = versions[random.nextInt(versions.length)];
      }
      default -> {
        int[] alignments = {0, 1, 3, 8, 16, 48, 64, 256, 4096, 1 << 20, 1 << 21, 1 << 31, -1};
        int alignment = alignments[random.nextInt(alignments.length)];
        file.set("general.alignment", alignment);
        if (alignment >= 8 && alignment <= 4096 && random.nextBoolean()) {
          file.alignment = alignment;
        }
      }
    }
  }

  private void pair(GgufBytes file) {
    String key = pick(new ArrayList<>(file.pairs.keySet()));
    byte[] value = file.pairs.get(key);
    ByteBuffer changed = ByteBuffer.wrap(value.clone()).order(ByteOrder.LITTLE_ENDIAN);
    switch (random.nextInt(9)) {
      case 0 -> file.pairs.remove(key);
      case 1 -> {
        file.claimedPairs = file.pairs.size() + 1;
        file.pairs.put(key, GgufBytes.bytes(value, key, value));
      }
      case 2 -> file.pairs.put(key, changed.putInt(0, random.nextInt(16) - 2).array());
      case 3 -> {
        if (value.length >= 4 + Long.BYTES) {
          file.pairs.put(key, changed.putLong(4, number()).array()); // the length of a text
        }
      }
      case 4 -> {
        if (value.length >= 8 + Long.BYTES) {
          file.pairs.put(key, changed.putLong(8, number()).array()); // the count of an array
        }
      }
      case 5 -> file.raw(key, GgufType.ARRAY, nested(1 + random.nextInt(2000)));
      case 6 -> file.set(pick(List.of("split.count", "split.no", "split.tensors.count")), value());
      case 7 -> file.set(unread(key), value());
      default -> file.set(key, value());
    }
  }

  /** Keys that would change the result. */
  private String unread(String key) {
    return key.replaceFirst("[.].*", "")
        + pick(
            List.of(
                ".attention.scale",
                ".logit_scale",
                ".rope.scaling.type",
                ".rope.scaling.factor",
                ".expert_gating_func",
                ".expert_shared_count",
                ".rope.dimension_count",
                ".vocab_size",
                ".unheard_of"));
  }

  private byte[] nested(int depth) {
    Object[] parts = new Object[2 * depth + 2];
    for (int i = 0; i < depth; i++) {
      parts[2 * i] = GgufType.ARRAY.ordinal();
      parts[2 * i + 1] = random.nextInt(50) == 0 ? number() : 1L;
    }
    parts[2 * depth] = GgufType.UINT8.ordinal();
    parts[2 * depth + 1] = 0L;
    return GgufBytes.bytes(parts);
  }

  private void vocabulary(GgufBytes file) {
    Object[] elements = new Object[random.nextInt(9)];
    Arrays.fill(elements, 1);
    switch (random.nextInt(4)) {
      case 0 -> file.array("tokenizer.ggml.token_type", GgufType.INT32, elements);
      case 1 -> file.array("tokenizer.ggml.scores", GgufType.FLOAT32, elements);
      case 2 -> file.array("tokenizer.ggml.scores", GgufType.STRING, "a", "b");
      default -> {
        Arrays.fill(elements, "t");
        file.array("tokenizer.ggml.tokens", GgufType.STRING, elements);
      }
    }
  }

  private void tensor(GgufBytes file) {
    if (file.tensors.isEmpty()) {
      return;
    }
    GgufBytes.Tensor tensor = pick(file.tensors);
    int dimension = random.nextInt(tensor.dimensions.length);
    switch (random.nextInt(9)) {
      case 0 -> tensor.type = random.nextInt(4) == 0 ? (int) number() : random.nextInt(44);
      case 1 -> tensor.offset = near(tensor.data.length * 8L);
      case 2 -> tensor.dimensions[dimension] = near(tensor.dimensions[dimension]);
      case 3 -> tensor.claimedDimensions = (int) near(tensor.claimedDimensions);
      case 4 -> Arrays.fill(tensor.dimensions, 1L << (20 + random.nextInt(44)));
      case 5 ->
          tensor.name =
              pick(
                  List.of(
                      "", "x", "rope_freqs.weight", "output.weight", "n".repeat(500), "\u00e4"));
      case 6 -> tensor.data = Arrays.copyOf(tensor.data, random.nextInt(tensor.data.length + 64));
      case 7 -> file.tensors.remove(tensor);
      default ->
          file.tensors.add(
              new GgufBytes.Tensor(
                  tensor.name + (random.nextBoolean() ? "" : "2"),
                  tensor.type,
                  tensor.dimensions.clone(),
                  tensor.data));
    }
  }

  private long near(long number) {
    return random.nextInt(3) == 0 ? number + random.nextInt(64) - 32 : number();
  }

  private long number() {
    return NUMBERS[random.nextInt(NUMBERS.length)];
  }

  private Object value() {
    return VALUES[random.nextInt(VALUES.length)];
  }

  private <T> T pick(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }
}
