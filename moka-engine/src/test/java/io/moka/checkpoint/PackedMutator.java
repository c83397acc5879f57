package io.moka.checkpoint;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/**
 * Damages packed files where their structure is, and makes the checksum of the head right again.
 */
final class PackedMutator {
  private static final long[] NUMBERS = {
    0,
    1,
    2,
    3,
    15,
    31,
    63,
    64,
    65,
    255,
    4095,
    4096,
    8192,
    65_536,
    1 << 20,
    1 << 24,
    Integer.MAX_VALUE,
    1L << 31,
    (1L << 32) - 1,
    1L << 32,
    1L << 40,
    1L << 52,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE - 4095,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -64,
    -4096
  };

  private final Random random;

  PackedMutator(Random random) {
    this.random = random;
  }

  /** Changes a file one to three times; nearly always the checksum of its head is right. */
  byte[] mutate(byte[] whole) {
    if (random.nextInt(4) == 0) {
      return damageBytes(whole);
    }
    PackedBytes file = PackedBytes.of(whole);
    for (int times = 1 + random.nextInt(3); times > 0; times--) {
      switch (random.nextInt(8)) {
        case 0 -> head(file);
        case 1, 2, 3 -> document(file);
        default -> piece(file);
      }
    }
    file.rightChecksum = random.nextInt(50) != 0;
    byte[] bytes = file.build();
    return random.nextInt(10) == 0 ? damageBytes(bytes) : bytes;
  }

  /** Flips, cuts, repeats or inserts bytes, or writes a number; mostly within the head. */
  byte[] damageBytes(byte[] original) {
    if (random.nextInt(8) == 0) {
      return Arrays.copyOf(original, random.nextInt(original.length));
    }
    if (random.nextInt(16) == 0) {
      return Arrays.copyOf(original, original.length + 1 + random.nextInt(9000));
    }
    long claimed = ByteBuffer.wrap(original).order(ByteOrder.LITTLE_ENDIAN).getLong(24);
    int head = random.nextInt(4) == 0 ? 64 : Math.clamp(claimed, 64, original.length);
    byte[] changed = original.clone();
    if (random.nextInt(3) == 0) {
      int at = random.nextInt(head - Long.BYTES);
      ByteBuffer buffer = ByteBuffer.wrap(changed).order(ByteOrder.LITTLE_ENDIAN);
      if (random.nextBoolean()) {
        buffer.putLong(at, number());
      } else {
        buffer.putInt(at, (int) number());
      }
    } else {
      byte[] front = new JsonMutator(random).bytes(Arrays.copyOf(original, head));
      changed = JsonMutator.join(front, Arrays.copyOfRange(original, head, original.length));
      // the same length, so that more than the length is looked at
      changed = random.nextInt(4) == 0 ? changed : Arrays.copyOf(changed, original.length);
    }
    if (random.nextInt(20) != 0) {
      PackedBytes.correctChecksum(changed);
    }
    return changed;
  }

  private void head(PackedBytes file) {
    switch (random.nextInt(8)) {
      case 0 -> file.fixed[0] = (int) near(1);
      case 1 -> file.fixed[1] = (int) near(1);
      case 2 -> file.fixed[2] = random.nextBoolean() ? 0x0D0C0B0A : (int) number();
      case 3 -> file.fixed[3] = (int) near(4096);
      case 4 -> file.claimedHeadBytes = Math.abs(near(3000));
      case 5 -> file.claimedFileBytes = Math.abs(near(100_000));
      case 6 -> file.claimedDocuments = (int) near(file.documents.size());
      default -> {
        file.claimedPieces = (int) near(file.pieces.size());
        file.reserved = random.nextInt(4) == 0 ? 1 : 0;
      }
    }
  }

  private void document(PackedBytes file) {
    if (file.documents.isEmpty()) {
      return;
    }
    String name = pick(new ArrayList<>(file.documents.keySet()));
    byte[] text = file.documents.get(name);
    switch (random.nextInt(8)) {
      case 0 -> file.documents.remove(name);
      case 1 -> file.documents.put(pick(List.of("x", "../x", "UP", "", "x".repeat(99))), text);
      case 2 -> file.documents.put(name, new byte[0]);
      case 3 -> file.documents.put(PackedFormat.METADATA, nested(1 + random.nextInt(500)));
      default ->
          file.documents.put(
              name,
              name.endsWith(".gguf") && text.length > 16
                  ? new GgufMutator(random).damageBytes(text)
                  : new JsonMutator(random).mutate(text));
    }
  }

  /** A GGUF file of one key whose arrays lie in arrays. */
  private byte[] nested(int depth) {
    GgufBytes file = new GgufBytes();
    Object[] parts = new Object[2 * depth + 2];
    for (int i = 0; i < depth; i++) {
      parts[2 * i] = GgufType.ARRAY.ordinal();
      parts[2 * i + 1] = random.nextInt(50) == 0 ? number() : 1L;
    }
    parts[2 * depth] = GgufType.UINT8.ordinal();
    parts[2 * depth + 1] = 0L;
    file.raw("tokenizer.ggml.tokens", GgufType.ARRAY, GgufBytes.bytes(parts));
    return file.build();
  }

  private void piece(PackedBytes file) {
    if (file.pieces.isEmpty()) {
      return;
    }
    PackedBytes.Piece piece = pick(file.pieces);
    switch (random.nextInt(10)) {
      case 0, 1 -> {
        int field = random.nextInt(3);
        piece.key[field] = random.nextInt(3) == 0 ? (int) number() : random.nextInt(16) - 1;
      }
      case 2 -> piece.key[3] = random.nextInt(4) == 0 ? (int) number() : random.nextInt(44);
      case 3, 4 -> {
        int field = random.nextInt(2);
        piece.size[field] = near(piece.size[field]);
      }
      case 5 -> piece.offset = random.nextInt(3) == 0 ? 4096L * random.nextInt(99) : number();
      case 6 -> piece.bytes = near(piece.data.length);
      case 7 -> piece.data = Arrays.copyOf(piece.data, random.nextInt(piece.data.length + 5000));
      case 8 -> {
        if (random.nextBoolean()) {
          file.pieces.remove(piece);
        } else {
          file.pieces.add(random.nextInt(file.pieces.size()), piece.copy());
        }
      }
      default -> {
        if (random.nextBoolean()) {
          int other = random.nextInt(file.pieces.size());
          file.pieces.set(file.pieces.indexOf(piece), file.pieces.get(other));
          file.pieces.set(other, piece);
        } else {
          piece.reserved = random.nextInt(3) - 1;
        }
      }
    }
  }

  private long near(long number) {
    return random.nextInt(3) == 0 ? number + random.nextInt(128) - 64 : number();
  }

  private long number() {
    return NUMBERS[random.nextInt(NUMBERS.length)];
  }

  private <T> T pick(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }
}
