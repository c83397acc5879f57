package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The only way into {@link AmxInt8Functions}: checks first, by {@link CallChecks}. */
final class AmxInt8Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  private AmxInt8Calls() {}

  /** Bytes that a call needs for decoded weights. */
  static long chunkBytes(AmxInt8Functions functions) {
    return new DecodedChunk(functions.layout()).bytes();
  }

  /**
   * Multiplies quantised rows with a group of 64 rows of weights.
   *
   * @param functions of the layout of the weights
   * @param weights packed weights
   * @param group where the group begins, in bytes
   * @param columns of the weights, whole blocks
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param panels memory of the panels of the rows, 16 in each but the last
   * @param at where the first panel begins, in bytes
   * @param rows of all panels, from 1 to 128
   * @param out takes 64 sums for each row
   * @param to where the sums begin, in bytes
   * @param chunk memory of this thread, {@link #chunkBytes}
   */
  static void product(
      AmxInt8Functions functions,
      MemorySegment weights,
      long group,
      int columns,
      long next,
      MemorySegment panels,
      long at,
      int rows,
      MemorySegment out,
      long to,
      MemorySegment chunk) {
    TileLayout layout = functions.layout();
    int blockColumns = layout.blockTiles() * TileLayout.TILE_COLUMNS;
    if (columns < blockColumns || columns % blockColumns != 0) {
      throw new IllegalArgumentException(
          columns + " columns are not whole blocks of " + blockColumns);
    }
    if (rows < 1 || rows > GroupProducts.MAX_ROWS) {
      throw new IllegalArgumentException(rows + " rows; a call takes 1 to 128");
    }
    long stripBytes = layout.stripBytes(columns);
    long strips = CallChecks.address(weights, group, PackedMatrix.GROUP_STRIPS * stripBytes);
    ActivationRecord rec = functions.rec();
    long records = CallChecks.address(panels, at, rec.panelBytes(columns, rows));
    long sums = CallChecks.address(CallChecks.writable(out), to, rows * GroupProducts.SUM_BYTES);
    long decoded = CallChecks.address(CallChecks.writable(chunk), 0, chunkBytes(functions));
    long fullPanels = (rows - 1) / GroupCode.MAX_ROWS;
    int lastRows = rows - (int) fullPanels * GroupCode.MAX_ROWS;
    try {
      PRODUCT.invokeExact(
          functions.product(lastRows),
          strips,
          stripBytes,
          records,
          next,
          (long) columns / blockColumns,
          sums,
          fullPanels,
          rec.panelBytes(columns, GroupCode.MAX_ROWS),
          decoded);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }
}
