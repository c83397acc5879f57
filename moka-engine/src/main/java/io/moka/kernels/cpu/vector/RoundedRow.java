package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.moka.kernels.Activations;
import io.moka.kernels.FloatMath;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * A row rounded to 8 bits, in the forms in which products read it: 32 columns take a block of
 * {@link #BLOCK_BYTES}.
 *
 * <pre>
 * block = scale da, 3 x da * sum of a (columns 0-15, 16-31, all), sum of a (int), padding: 32 bytes
 *         32 x a as float, for products in float lanes
 *         16 words of two a, for products in 16-bit lanes, in the order of the weights' bits:
 *           nibbles  word 4 j + k: columns c and c + 2, c = 4 j, 16 + 4 j, 4 j + 1, 16 + 4 j + 1
 *           bytes    word 2 s + k: columns c and c + 2, c = 4 s, 4 s + 1
 * </pre>
 */
final class RoundedRow {
  static final int BLOCK_BYTES = 224;
  static final int SCALE = 0;

  /** Of da * sum of a for columns 0 to 15; that for 16 to 31 follows. */
  static final int HALF_SUMS = 4;

  /** Of da * sum of a for all 32 columns. */
  static final int WHOLE_SUM = 12;

  /** Of the sum of a, an int. */
  static final int INTEGER_SUM = 16;

  /** Of the codes as floats. */
  static final int CODES = 32;

  /** Of the codes in pairs. */
  static final int PAIRS = 160;

  private static final int COLUMNS = TileLayout.TILE_COLUMNS;
  private static final float LARGEST = 127;
  private static final int ROUNDER_BITS = Float.floatToRawIntBits(FloatMath.ROUNDER);

  private RoundedRow() {}

  static long bytes(int columns) {
    return (long) columns / COLUMNS * BLOCK_BYTES;
  }

  /** Rounds 32 floats into the block at {@code to}. */
  static void round(MemorySegment x, long from, MemorySegment out, long to) {
    FloatVector largest = FloatVector.zero(FLOATS);
    for (int i = 0; i < COLUMNS; i += Lanes.COUNT) {
      largest = largest.max(FloatVector.fromMemorySegment(FLOATS, x, from + i * 4L, ORDER).abs());
    }
    // the largest of some numbers is the same in any order, and so is a sum of integers
    float max = largest.reduceLanes(VectorOperators.MAX);
    // a block that is not finite has a scale that is no number, whatever its codes are
    float scale = max / LARGEST + (max - max);
    float inverse = max >= Activations.LEAST ? LARGEST / max : 0;
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

  /** Adds the pairs to a rounded block. */
  static void pair(TileLayout.LowPlane plane, MemorySegment block, long at) {
    boolean nibbles = plane == TileLayout.LowPlane.NIBBLES;
    for (int word = 0; word < COLUMNS / 2; word++) {
      int column =
          nibbles ? word / 4 * 4 + (word & 1) * 16 + (word >>> 1 & 1) : word / 2 * 4 + (word & 1);
      int low = (int) block.get(JAVA_FLOAT, at + CODES + column * 4L);
      int high = (int) block.get(JAVA_FLOAT, at + CODES + (column + 2) * 4L);
      block.set(JAVA_INT, at + PAIRS + word * 4L, low & 0xFFFF | high << 16);
    }
  }
}
