package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/** The only way into {@link Bf16Functions}: checks first, by {@link CallChecks}. */
final class Bf16Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private Bf16Calls() {}

  /** Bytes of a panel. */
  static long panelBytes(int columns, int rows) {
    return Bf16RowCalls.panelBytes(1, columns, rows);
  }

  /**
   * Multiplies up to 16 rounded rows with groups of 64 rows of weights that follow each other.
   *
   * @param functions the functions
   * @param weights packed weights
   * @param group where the first group begins, in bytes
   * @param groups how many; groups times rows from 1 to 128
   * @param columns of the weights
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param share which part of it this call should prefetch, of several rows' calls
   * @param shares how many calls read these groups; one where there are several groups
   * @param panel memory of the panel of the rows
   * @param at where the panel begins, in bytes
   * @param rows rows of the panel, from 1 to 16
   * @param out takes 64 sums of each group for each row, row after row
   * @param to where the sums begin, in bytes
   */
  static void product(
      Bf16Functions functions,
      MemorySegment weights,
      long group,
      int groups,
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
    CallChecks.checkCounts(rows, GroupCode.MAX_ROWS, groups);
    Objects.checkIndex(share, shares);
    if (groups > 1 && shares > 1) {
      throw new IllegalArgumentException(groups + " groups in " + shares + " shares");
    }
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.BF16, columns);
    long groupBytes = PackedMatrix.GROUP_STRIPS * stripBytes;
    long strips = CallChecks.address(weights, group, groups * groupBytes);
    long records = CallChecks.address(panel, at, panelBytes(columns, rows));
    long sums =
        CallChecks.address(CallChecks.writable(out), to, groups * rows * GroupProducts.SUM_BYTES);
    long pairs = (columns + 1L) / 2;
    long blocks = pairs / Bf16GroupCode.BLOCK_PAIRS;
    // as far before the next group as the first one is before the last
    long neighbour = next - (groups - 1) * groupBytes;
    long ahead =
        Bf16GroupCode.readsFourStreams(rows)
            ? neighbour - strips + (Bf16Functions.BLOCKS_AHEAD - blocks) * Bf16GroupCode.BLOCK_BYTES
            : neighbour + groupBytes / shares * share;
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
          (long) groups,
          pairs % Bf16GroupCode.BLOCK_PAIRS,
          step);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }
}
