package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * The only way into {@link Int8Functions}: checks every size and offset first, since machine code
 * checks nothing. Addresses go in as numbers, since a segment made for a call would be garbage;
 * whoever calls holds the owners of the memory open until the call has ended.
 */
final class Int8Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

  // plain calls: the thread counts as in native code, so the collector need not wait for it
  private static final MethodHandle QUANTISE =
      Linker.nativeLinker()
          .downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD));

  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private static final MethodHandle MANY_ROWS =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private Int8Calls() {}

  /**
   * Quantises columns of rows that follow each other in a panel.
   *
   * @param functions of the weights that the rows will be multiplied with
   * @param x floats
   * @param from where these columns of the first row begin in x, in bytes
   * @param xStride bytes from a row of x to the next
   * @param firstBlock the first block of 32 columns
   * @param blocks blocks of 32 columns, at least 1
   * @param panel memory of the panel
   * @param at where the panel begins, in bytes
   * @param row the first of them in the panel
   * @param end the row after the last of them
   * @param rows rows of the panel
   */
  static void quantise(
      Int8Functions functions,
      MemorySegment x,
      long from,
      long xStride,
      int firstBlock,
      int blocks,
      MemorySegment panel,
      long at,
      int row,
      int end,
      int rows) {
    if (rows < 1 || rows > functions.mostRows()) {
      throw new IllegalArgumentException(
          "%d rows; a panel has 1 to %d".formatted(rows, functions.mostRows()));
    }
    if (firstBlock < 0 || blocks < 1 || row >= end) {
      throw new IllegalArgumentException(
          "%d blocks from %d on of rows %d to %d".formatted(blocks, firstBlock, row, end));
    }
    Objects.checkFromToIndex(row, end, rows);
    ActivationRecord rec = functions.rec();
    long bytes = blocks * (long) ActivationRecord.COLUMNS * Float.BYTES;
    long floats = CallChecks.rows(x, from, bytes, end - row, xStride);
    long stride = rows * (long) rec.bytes();
    long all = (firstBlock + (long) blocks) * stride;
    long to = CallChecks.address(CallChecks.writable(panel), at, all);
    long first = to + firstBlock * stride + row * (long) rec.bytes();
    long count = end - row;
    try {
      QUANTISE.invokeExact(
          functions.quantise(), floats, first, stride, (long) blocks, count, xStride);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }

  /**
   * Multiplies quantised rows with groups of 64 rows of weights that follow each other: a call
   * costs as much as reading some kilobytes, during which memory waits.
   *
   * @param functions of the layout of the weights
   * @param weights packed weights
   * @param group where the first group begins, in bytes
   * @param groups how many; groups times rows from 1 to 128
   * @param columns of the weights, whole blocks
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param panel memory of the panel of the rows
   * @param at where the panel begins, in bytes
   * @param rows rows of the panel, from 1 to {@link Int8Functions#mostRows}
   * @param out takes 64 sums of each group for each row, row after row
   * @param to where the sums begin, in bytes
   */
  static void product(
      Int8Functions functions,
      MemorySegment weights,
      long group,
      int groups,
      int columns,
      long next,
      MemorySegment panel,
      long at,
      int rows,
      MemorySegment out,
      long to) {
    TileLayout layout = functions.layout();
    int blockColumns = layout.blockTiles() * TileLayout.TILE_COLUMNS;
    if (columns < blockColumns || columns % blockColumns != 0) {
      throw new IllegalArgumentException(
          columns + " columns are not whole blocks of " + blockColumns);
    }
    CallChecks.checkCounts(rows, functions.mostRows(), groups);
    long stripBytes = layout.stripBytes(columns);
    long blocks = columns / blockColumns;
    long groupBytes = PackedMatrix.GROUP_STRIPS * stripBytes;
    long strips = CallChecks.address(weights, group, groups * groupBytes);
    long records = CallChecks.address(panel, at, functions.rec().panelBytes(columns, rows));
    long sums =
        CallChecks.address(CallChecks.writable(out), to, groups * rows * GroupProducts.SUM_BYTES);
    try {
      if (rows > GroupCode.MAX_ROWS) {
        // it needs no address of what is next: a pass is followed by the strips behind it
        long noNext = 0;
        int atOnce = Int8ManyRowsCode.ROWS_AT_ONCE;
        MANY_ROWS.invokeExact(
            functions.manyRows().orElseThrow(),
            strips,
            stripBytes,
            records,
            noNext,
            blocks,
            sums,
            (long) groups,
            (long) (rows / atOnce),
            (long) (rows % atOnce));
        return;
      }
      // relative to the last group; from each before it the same distance leads to its neighbour
      long last = strips + (groups - 1) * groupBytes;
      long ahead = next - last + (functions.blocksAhead()[rows - 1] - blocks) * layout.blockBytes();
      PRODUCT.invokeExact(
          functions.product(rows), strips, stripBytes, records, ahead, blocks, sums, (long) groups);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }
}
