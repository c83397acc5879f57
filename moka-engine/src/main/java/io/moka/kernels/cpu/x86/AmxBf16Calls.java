package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The only way into {@link AmxBf16Functions}: checks first, by {@link CallChecks}. */
final class AmxBf16Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(
                  WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private static final int BLOCK_COLUMNS = AmxBf16Code.BLOCK_COLUMNS;
  private static final int BLOCK_BYTES = AmxBf16Code.BLOCK_BYTES;

  /** Blocks from where a strip is read to where it is prefetched. */
  private static final int BLOCKS_AHEAD = ReadPattern.FOUR_STREAMS.blocksAhead(BLOCK_BYTES);

  /** Bytes that a call needs for a last block that is not whole. */
  static final long REST_BYTES = PackedMatrix.GROUP_STRIPS * (long) BLOCK_BYTES;

  private AmxBf16Calls() {}

  /** Bytes of a panel. */
  static long panelBytes(AmxBf16Functions functions, int columns, int rows) {
    return Bf16RowCalls.panelBytes(functions.parts(), columns, rows);
  }

  /**
   * Multiplies rows in parts with a group of 64 rows of weights.
   *
   * @param functions the functions
   * @param weights packed weights
   * @param group where the group begins, in bytes
   * @param columns of the weights
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param panels memory of the panels of the rows, 16 in each but the last
   * @param at where the first panel begins, in bytes
   * @param rows of all panels, from 1 to 128
   * @param out takes 64 sums for each row
   * @param to where the sums begin, in bytes
   * @param rest memory of this thread, {@link #REST_BYTES}
   */
  static void product(
      AmxBf16Functions functions,
      MemorySegment weights,
      long group,
      int columns,
      long next,
      MemorySegment panels,
      long at,
      int rows,
      MemorySegment out,
      long to,
      MemorySegment rest) {
    if (columns < 1) {
      throw new IllegalArgumentException(columns + " columns");
    }
    if (rows < 1 || rows > GroupProducts.MAX_ROWS) {
      throw new IllegalArgumentException(rows + " rows; a call takes 1 to 128");
    }
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.BF16, columns);
    long strips = CallChecks.address(weights, group, PackedMatrix.GROUP_STRIPS * stripBytes);
    long records = CallChecks.address(panels, at, panelBytes(functions, columns, rows));
    long sums = CallChecks.address(CallChecks.writable(out), to, rows * GroupProducts.SUM_BYTES);
    long lastBlock = CallChecks.address(CallChecks.writable(rest), 0, REST_BYTES);
    long blocks = columns / BLOCK_COLUMNS;
    long fullPanels = (rows - 1) / GroupCode.MAX_ROWS;
    int lastRows = rows - (int) fullPanels * GroupCode.MAX_ROWS;
    boolean whole = columns % BLOCK_COLUMNS == 0;
    if (!whole) {
      copyRest(weights, group, stripBytes, blocks * BLOCK_BYTES, rest);
    }
    long fullBytes = panelBytes(functions, columns, GroupCode.MAX_ROWS);
    long before = Math.max(0, blocks - BLOCKS_AHEAD);
    long aheadThen = next - strips - before * BLOCK_BYTES;
    try {
      PRODUCT.invokeExact(
          functions.product(lastRows),
          strips,
          stripBytes,
          records,
          blocks,
          sums,
          fullPanels,
          fullBytes,
          records + fullPanels * fullBytes,
          sums + fullPanels * GroupCode.MAX_ROWS * GroupProducts.SUM_BYTES,
          (long) BLOCKS_AHEAD * BLOCK_BYTES,
          before,
          aheadThen,
          whole ? 0 : lastBlock);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  /** The last block of each strip, filled up with zeros. */
  private static void copyRest(
      MemorySegment weights, long group, long stripBytes, long done, MemorySegment rest) {
    for (long i = 0; i < REST_BYTES; i += Long.BYTES) {
      rest.set(ValueLayout.JAVA_LONG_UNALIGNED, i, 0);
    }
    for (int s = 0; s < PackedMatrix.GROUP_STRIPS; s++) {
      long from = group + s * stripBytes + done;
      MemorySegment.copy(weights, from, rest, s * (long) BLOCK_BYTES, stripBytes - done);
    }
  }
}
