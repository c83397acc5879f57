package io.moka.kernels.cpu.x86;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Collections;
import java.util.List;

/**
 * A constant of 4, 16 or 32 bytes. It lies behind the code and is read relative to the instruction.
 *
 * @param words the bytes, as little-endian words
 * @param broadcast whether the one word is given to every lane
 */
record Constant(List<Integer> words, boolean broadcast) implements Operand {
  /** Of 32 bytes: a vector of 256 bits. */
  static final int MOST_WORDS = 8;

  Constant {
    if (broadcast && words.size() != 1) {
      throw new IllegalArgumentException(words.size() + " words cannot be given to every lane");
    }
  }

  /** The same word in every lane. */
  static Constant all(int word) {
    return new Constant(List.of(word), true);
  }

  /** The same byte in every lane. */
  static Constant bytes(int value) {
    return all((value & 255) * 0x01010101);
  }

  /** The same float in every lane. */
  static Constant all(float value) {
    return all(Float.floatToRawIntBits(value));
  }

  /**
   * The same word in every lane of a vector: spread by the instruction where 512 bits can do it.
   */
  static Constant lanes(int word, int vectorBits) {
    return vectorBits == 512
        ? all(word)
        : new Constant(Collections.nCopies(vectorBits / 32, word), false);
  }

  /** The same float in every lane of a vector. */
  static Constant lanes(float value, int vectorBits) {
    return lanes(Float.floatToRawIntBits(value), vectorBits);
  }

  /** One float, for an instruction that spreads it itself. */
  static Constant one(float value) {
    return new Constant(List.of(Float.floatToRawIntBits(value)), false);
  }

  /** Sixteen bytes. */
  static Constant table(byte[] bytes) {
    var buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    return new Constant(
        List.of(buffer.getInt(), buffer.getInt(), buffer.getInt(), buffer.getInt()), false);
  }
}
