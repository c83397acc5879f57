package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rows in the middle of larger ones whose other floats are NaN: whoever reads or writes those
 * shows.
 */
final class TestRows {
  private static final int GUARD_BITS = 0x7FC0_BEEF;
  private static final int GUARD_COLUMNS = 3;
  private static final int GUARD_ROWS = 2;

  private TestRows() {}

  /** Room for {@code rows}, all of it guards so far. */
  static Rows guarded(Arena arena, int rows, int columns) {
    Rows outer = Rows.allocate(arena, rows + GUARD_ROWS, columns + 2 * GUARD_COLUMNS);
    MemorySegment data = outer.data();
    for (long at = 0; at < data.byteSize(); at += Float.BYTES) {
      data.set(ValueLayout.JAVA_INT, at, GUARD_BITS);
    }
    return outer.columns(GUARD_COLUMNS, columns);
  }

  static Rows random(Arena arena, int rows, int columns, Dice dice) {
    Rows made = guarded(arena, rows, columns);
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < columns; i++) {
        made.set(row, i, dice.activation());
      }
    }
    return made;
  }

  /** A guarded copy of some rows, in the order of {@code picks}. */
  static Rows pick(Arena arena, Rows source, int... picks) {
    Rows copy = guarded(arena, picks.length, source.columns());
    for (int row = 0; row < picks.length; row++) {
      for (int i = 0; i < source.columns(); i++) {
        copy.set(row, i, source.get(picks[row], i));
      }
    }
    return copy;
  }

  /**
   * Makes the float after an odd last column finite, as {@link Kernels} asks of the input of a
   * product; everything else around the rows stays NaN.
   */
  static Rows forProduct(Rows input) {
    if (input.columns() % 2 == 1) {
      for (int row = 0; row < input.capacity(); row++) {
        long after = input.offsetBytes(row) + (long) input.columns() * Float.BYTES;
        input.data().set(ValueLayout.JAVA_FLOAT, after, -1e30f);
      }
    }
    return input;
  }

  static Rows copy(Arena arena, Rows source, int rows) {
    int[] all = new int[rows];
    for (int row = 0; row < rows; row++) {
      all[row] = row;
    }
    return pick(arena, source, all);
  }

  /** Holds that nothing around the first {@code rows} of guarded rows was written. */
  static void assertGuarded(Rows view, int rows, Object what) {
    assertAround(view, rows, GUARD_BITS, what);
  }

  /** Holds that the padding of rows, and rows beyond those asked for, are still zero. */
  static void assertZeroAround(Rows whole, int rows, Object what) {
    assertAround(whole, rows, 0, what);
  }

  private static void assertAround(Rows view, int rows, int bits, Object what) {
    long stride = view.strideBytes() / Float.BYTES;
    long firstColumn = view.offsetBytes(0) / Float.BYTES;
    for (long i = 0; i < view.data().byteSize() / Float.BYTES; i++) {
      long row = i / stride;
      long column = i % stride - firstColumn;
      boolean inside = row < rows && column >= 0 && column < view.columns();
      if (!inside && view.data().getAtIndex(ValueLayout.JAVA_INT, i) != bits) {
        fail(
            "%s: wrote to row %d, column %d, outside [%d, %d]",
            what, row, column, rows, view.columns());
      }
    }
  }

  /** How far a result may be from the reference. */
  @FunctionalInterface
  interface Tolerance {
    double at(int row, int column);
  }

  static void assertWithin(Rows actual, Rows expected, int rows, Tolerance tolerance, Object what) {
    for (int row = 0; row < rows; row++) {
      for (int i = 0; i < expected.columns(); i++) {
        double allowed = tolerance.at(row, i);
        double difference = Math.abs((double) actual.get(row, i) - expected.get(row, i));
        if (!(difference <= allowed)) {
          fail(
              "%s: %s at [%d, %d] where the reference says %s and may differ by %s",
              what, actual.get(row, i), row, i, expected.get(row, i), allowed);
        }
      }
    }
  }

  static void assertSameBits(Rows actual, Rows expected, int rows, Object what) {
    for (int row = 0; row < rows; row++) {
      assertThat(bits(actual, row)).as("%s: row %d", what, row).isEqualTo(bits(expected, row));
    }
  }

  static float[] values(Rows rows, int row) {
    float[] values = new float[rows.columns()];
    for (int i = 0; i < values.length; i++) {
      values[i] = rows.get(row, i);
    }
    return values;
  }

  static int[] bits(Rows rows, int row) {
    int[] bits = new int[rows.columns()];
    for (int i = 0; i < bits.length; i++) {
      bits[i] = Float.floatToIntBits(rows.get(row, i));
    }
    return bits;
  }
}
