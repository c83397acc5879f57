package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.moka.kernels.Activations;
import io.moka.kernels.FloatMath;
import io.moka.kernels.cpu.Lanes;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A row rounded to 8 bits, in the forms in which products read it, in blocks of 32 columns. A tile
 * of up to eight rows holds the first block of each, then the second. Tiles of more rows than
 * {@link #PAIR_ROWS} do without the words of two shorts: what is not there need not be read.
 *
 * <pre>
 * block = scale da, 3 x da * sum of a (columns 0-15, 16-31, all), sum of a (int),
 *         2 words of two sums of a (columns 0-15, 16-31), padding: 8 words
 *         32 x a as float, for products in float lanes
 *         24 words of two shorts, for products in 16-bit lanes; the second is that of columns + 2
 *           nibbles  for quads j and j + 4, c = 4 j, d = c + 16, j from 0 to 3:
 *                    a[c], a[d] - 16 a[c], a[c + 1] - 16 a[d], a[d + 1] - 16 a[c + 1]
 *           others   for quad j, c = 4 j, j from 0 to 7:
 *                    a[c], a[c + 1] - 256 a[c], -128 (a[c] + a[c + 1]), the first plus 32768
 *         a word of two sums adds up a[c] + a[c + 1] of its quads, and a[c + 2] + a[c + 3]
 * </pre>
 */
final class RoundedRow {
  /** Up to as many rows, products in 16-bit lanes are faster than decoding into a panel. */
  static final int PAIR_ROWS = 2;

  static final int SCALE = 0;

  /** Of da * sum of a for columns 0 to 15; that for 16 to 31 follows. */
  static final int HALF_SUMS = 4;

  /** Of da * sum of a for all 32 columns. */
  static final int WHOLE_SUM = 12;

  /** Of the sum of a, an int. */
  static final int INTEGER_SUM = 16;

  /** Of the sums of pairs, there where {@link #pair} was called. */
  static final int PAIR_SUMS = 20;

  /** Of the codes as floats. */
  static final int CODES = 32;

  /** Of the codes in pairs. */
  static final int PAIRS = 160;

  /** Bytes of a block without its pairs. */
  static final int PLAIN_BYTES = PAIRS;

  /** Bytes of a block with its pairs. */
  static final int WHOLE_BYTES = 256;

  /** Words of two quads of nibbles. */
  static final int NIBBLE_WORDS = 4;

  /** Words of a quad of bytes. */
  static final int QUAD_WORDS = 3;

  /** What keeps the first sum of two bytes from being negative. */
  static final int LIFT = 0x8000;

  private static final int COLUMNS = TileLayout.TILE_COLUMNS;
  private static final float LARGEST = 127;
  private static final int ROUNDER_BITS = Float.floatToRawIntBits(FloatMath.ROUNDER);

  private RoundedRow() {}

  /** Bytes that a row takes at most. */
  static long bytes(int columns) {
    return (long) columns / COLUMNS * WHOLE_BYTES;
  }

  /** Bytes of a block in a tile of some rows. */
  static int blockBytes(int rows) {
    return rows <= PAIR_ROWS ? WHOLE_BYTES : PLAIN_BYTES;
  }

  /** The largest magnitude of 32 floats. */
  private static float largest(MemorySegment x, long from) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < COLUMNS; i += Lanes.COUNT) {
      largest = largest.max(FloatVector.fromMemorySegment(FLOATS, x, from + i * 4L, ORDER).abs());
    }
    // the largest of some numbers is the same in any order, and so is a sum of integers
    return largest.reduceLanes(VectorOperators.MAX);
  }

  /** A block that is not finite has a scale that is no number, whatever its codes are. */
  private static float scale(float max) {
    return max / LARGEST + (max - max);
  }

  private static float inverse(float max) {
    return max >= Activations.LEAST ? LARGEST / max : 0;
  }

  /** Rounds 32 floats into the block at {@code to}. */
  static void round(MemorySegment x, long from, MemorySegment out, long to) {
    float max = largest(x, from);
    float scale = scale(max);
    float inverse = inverse(max);
    int first = 0;
    int second = 0;
    for (int i = 0; i < COLUMNS; i += Lanes.COUNT) {
      FloatVector rounded =
          FloatVector.fromMemorySegment(FLOATS, x, from + i * 4L, ORDER)
              .mul(inverse)
              .add(FloatMath.ROUNDER);
      IntVector codes = rounded.reinterpretAsInts().sub(ROUNDER_BITS);
      rounded.sub(FloatMath.ROUNDER).intoMemorySegment(out, to + CODES + i * 4L, ORDER);
      int sum = codes.reduceLanes(VectorOperators.ADD);
      if (i < COLUMNS / 2) {
        first += sum;
      } else {
        second += sum;
      }
    }
    out.set(JAVA_FLOAT, to + SCALE, scale);
    out.set(JAVA_FLOAT, to + HALF_SUMS, scale * first);
    out.set(JAVA_FLOAT, to + HALF_SUMS + 4, scale * second);
    out.set(JAVA_FLOAT, to + WHOLE_SUM, scale * (first + second));
    out.set(JAVA_INT, to + INTEGER_SUM, first + second);
  }

  /**
   * What rounding leaves of a row.
   *
   * @param x memory of the row
   * @param from where it begins, in bytes
   * @param count columns, whole blocks
   * @param out takes as many floats: {@code r = fma(-da, a, x)}
   */
  static void rest(MemorySegment x, long from, int count, MemorySegment out) {
    for (int first = 0; first < count; first += COLUMNS) {
      long block = from + first * 4L;
      float max = largest(x, block);
      float inverse = inverse(max);
      FloatVector negative = FloatVector.broadcast(FLOATS, -scale(max));
      for (int i = 0; i < COLUMNS; i += Lanes.COUNT) {
        FloatVector values = FloatVector.fromMemorySegment(FLOATS, x, block + i * 4L, ORDER);
        values
            .mul(inverse)
            .add(FloatMath.ROUNDER)
            .sub(FloatMath.ROUNDER)
            .fma(negative, values)
            .intoMemorySegment(out, first * 4L + i * 4L, ORDER);
      }
    }
  }

  /** Adds the words of shorts and their sums to a rounded block. */
  static void pair(boolean nibbles, MemorySegment block, long at) {
    for (int half = 0; half < 2; half++) {
      int low = 0;
      int high = 0;
      for (int quad = 4 * half; quad < 4 * half + 4; quad++) {
        long codes = at + CODES + quad * 16L;
        int a0 = code(block, codes);
        int a1 = code(block, codes + 4);
        int a2 = code(block, codes + 8);
        int a3 = code(block, codes + 12);
        low += a0 + a1;
        high += a2 + a3;
        if (!nibbles) {
          long to = at + PAIRS + quad * QUAD_WORDS * 4L;
          word(block, to, a0, a2);
          word(block, to + 4, a1 - 256 * a0, a3 - 256 * a2);
          word(block, to + 8, LIFT - 128 * (a0 + a1), -128 * (a2 + a3));
        } else if (half == 0) {
          long to = at + PAIRS + quad * NIBBLE_WORDS * 4L;
          int b0 = code(block, codes + 64);
          int b1 = code(block, codes + 68);
          int b2 = code(block, codes + 72);
          int b3 = code(block, codes + 76);
          word(block, to, a0, a2);
          word(block, to + 4, b0 - 16 * a0, b2 - 16 * a2);
          word(block, to + 8, a1 - 16 * b0, a3 - 16 * b2);
          word(block, to + 12, b1 - 16 * a1, b3 - 16 * a3);
        }
      }
      word(block, at + PAIR_SUMS + 4L * half, low, high);
    }
  }

  private static int code(MemorySegment block, long at) {
    return (int) block.get(JAVA_FLOAT, at);
  }

  private static void word(MemorySegment block, long at, int low, int high) {
    block.set(JAVA_INT, at, low & 0xFFFF | high << 16);
  }
}
