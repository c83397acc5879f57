package io.moka.kernels.cpu.x86;

import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/** The only way into {@link Bf16Functions}: checks first, as {@link Int8Calls} does. */
final class Bf16Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private Bf16Calls() {}

  /** Bytes of a panel. */
  static long panelBytes(int columns, int rows) {
    return Bf16RowCalls.panelBytes(1, columns, rows);
  }

  /**
   * Multiplies up to 16 rounded rows with a group of 64 rows of weights.
   *
   * @param functions the functions
   * @param weights packed weights
   * @param group where the group begins, in bytes
   * @param columns of the weights
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param share which part of it this call should prefetch, of several rows' calls
   * @param shares how many calls read this group
   * @param panel memory of the panel of the rows
   * @param at where the panel begins, in bytes
   * @param rows rows of the panel, from 1 to 16
   * @param out takes 64 sums for each row
   * @param to where the sums begin, in bytes
   */
  static void product(
      Bf16Functions functions,
      MemorySegment weights,
      long group,
      int columns,
      long next,
      int share,
      int shares,
      MemorySegment panel,
      long at,
      int rows,
      MemorySegment out,
      long to) {
    if (columns < 1) {
      throw new IllegalArgumentException(columns + " columns");
    }
    Bf16RowCalls.checkRows(rows);
    Objects.checkIndex(share, shares);
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.BF16, columns);
    long groupBytes = PackedMatrix.GROUP_STRIPS * stripBytes;
    long strips = Int8Calls.address(weights, group, groupBytes);
    long records = Int8Calls.address(panel, at, panelBytes(columns, rows));
    long sums = Int8Calls.address(Int8Calls.writable(out), to, rows * Int8Calls.SUM_BYTES);
    long pairs = (columns + 1L) / 2;
    long blocks = pairs / Bf16GroupCode.BLOCK_PAIRS;
    long ahead =
        Bf16GroupCode.readsFourStreams(rows)
            ? next - strips + (Bf16Functions.BLOCKS_AHEAD - blocks) * Bf16GroupCode.BLOCK_BYTES
            : next + groupBytes / shares * share;
    long step = Math.ceilDiv(GroupCode.VECTOR_BYTES, shares);
    try {
      PRODUCT.invokeExact(
          functions.product(rows),
          strips,
          stripBytes,
          records,
          ahead,
          blocks,
          sums,
          pairs % Bf16GroupCode.BLOCK_PAIRS,
          step);
    } catch (Throwable e) {
      throw Int8Calls.unchecked(e);
    }
  }
}
