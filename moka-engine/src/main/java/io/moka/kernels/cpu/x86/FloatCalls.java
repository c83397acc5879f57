package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/** The only way into {@link FloatFunctions}: checks first, by {@link CallChecks}. */
final class FloatCalls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  /** Bytes that a call needs for its table. */
  static final long TABLE_BYTES = FloatGroupCode.MOST_ROWS * 8L;

  private FloatCalls() {}

  /**
   * Multiplies a few rows of floats with groups of 64 rows of weights that follow each other.
   * Columns are read in pairs: where their number is odd, one float after each row is read.
   *
   * @param functions of the format of the weights
   * @param weights packed weights
   * @param group where the first group begins, in bytes
   * @param groups how many; groups times rows from 1 to 128
   * @param columns of the weights
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param x memory of the rows
   * @param offsets where each row begins in x, in bytes
   * @param first which of the offsets belongs to the first row
   * @param rows how many, from 1 to {@link FloatFunctions#mostRows}
   * @param out takes 64 sums of each group for each row, row after row
   * @param to where the sums begin, in bytes
   * @param table memory of this thread, {@link #TABLE_BYTES}
   */
  static void product(
      FloatFunctions functions,
      MemorySegment weights,
      long group,
      int groups,
      int columns,
      long next,
      MemorySegment x,
      long[] offsets,
      int first,
      int rows,
      MemorySegment out,
      long to,
      MemorySegment table) {
    if (columns < 1) {
      throw new IllegalArgumentException(columns + " columns");
    }
    CallChecks.checkCounts(rows, functions.mostRows(), groups);
    long stripBytes = PackedMatrix.stripBytes(functions.format(), columns);
    int pairBytes = PackedMatrix.pairBytes(functions.format());
    long pairs = (columns + 1L) / 2;
    long groupBytes = PackedMatrix.GROUP_STRIPS * stripBytes;
    long strips = CallChecks.address(weights, group, groups * groupBytes);
    long sums =
        CallChecks.address(CallChecks.writable(out), to, groups * rows * GroupProducts.SUM_BYTES);
    long input = CallChecks.address(x, 0, x.byteSize());
    long starts = CallChecks.address(table, 0, TABLE_BYTES);
    for (int i = 0; i < rows; i++) {
      long offset = offsets[first + i];
      Objects.checkFromIndexSize(offset, pairs * 2 * Float.BYTES, x.byteSize());
      table.set(WORD, 8L * i, offset);
    }
    // relative to the last group; from each before it the same distance leads to its neighbour
    long last = strips + (groups - 1) * groupBytes;
    long ahead = next - last + (functions.blocksAhead()[rows - 1] - pairs) * pairBytes;
    try {
      PRODUCT.invokeExact(
          functions.product(rows),
          strips,
          stripBytes,
          input,
          ahead,
          pairs,
          sums,
          (long) groups,
          starts);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }
}
