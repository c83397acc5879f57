package io.moka.kernels.cpu.x86;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * The only way into the functions of {@link Int8Functions}: checks every size and offset first, since
 * machine code checks nothing. The linker keeps the segments alive during a call and refuses those
 * that are not. One instance for each thread.
 */
final class Int8Calls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;

  /** Plain calls: the thread counts as in native code, so the collector need not wait for it. */
  private static final MethodHandle ROW =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS, WORD, WORD));

  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(
                  ValueLayout.ADDRESS,
                  WORD,
                  ValueLayout.ADDRESS,
                  ValueLayout.ADDRESS,
                  WORD,
                  ValueLayout.ADDRESS));

  /** Bytes of the sums of one row. */
  static final long SUM_BYTES = PackedMatrix.GROUP_ROWS * (long) Float.BYTES;

  private static final long TABLE_BYTES = 8 + 8L * Int8GroupCode.MAX_ROWS;

  private final MemorySegment table;

  Int8Calls(Arena arena) {
    table = arena.allocate(TABLE_BYTES, 64);
  }

  /**
   * Quantises a row into a panel.
   *
   * @param functions of the weights that the row will be multiplied with
   * @param x floats
   * @param offset where the row begins in x, in bytes
   * @param columns whole blocks of 32
   * @param panel takes the records
   * @param row which row of the panel
   * @param rows rows of the panel
   */
  void quantise(
      Int8Functions functions,
      MemorySegment x,
      long offset,
      int columns,
      MemorySegment panel,
      int row,
      int rows) {
    MemorySegment from = x.asSlice(offset, columns * (long) Float.BYTES);
    toPanel(functions.quantise(), functions.rec(), from, columns, panel, row, rows);
  }

  /**
   * Copies a quantised row into a panel.
   *
   * @param functions for which the row was quantised
   * @param records rows alone
   * @param offset where the row begins in records, in bytes
   * @param columns whole blocks of 32
   * @param panel takes the records
   * @param row which row of the panel
   * @param rows rows of the panel
   */
  void copy(
      Int8Functions functions,
      MemorySegment records,
      long offset,
      int columns,
      MemorySegment panel,
      int row,
      int rows) {
    MemorySegment from = records.asSlice(offset, functions.rec().panelBytes(columns, 1));
    toPanel(functions.copy(), functions.rec(), from, columns, panel, row, rows);
  }

  private static void toPanel(
      MemorySegment function,
      ActivationRecord rec,
      MemorySegment from,
      int columns,
      MemorySegment panel,
      int row,
      int rows) {
    if (columns < ActivationRecord.COLUMNS || columns % ActivationRecord.COLUMNS != 0) {
      throw new IllegalArgumentException(columns + " columns are not whole blocks of 32");
    }
    if (rows < 1 || rows > Int8GroupCode.MAX_ROWS) {
      throw new IllegalArgumentException(rows + " rows; a panel has 1 to 16");
    }
    Objects.checkIndex(row, rows);
    MemorySegment to = writable(panel).asSlice(0, rec.panelBytes(columns, rows));
    MemorySegment first = to.asSlice(row * (long) rec.bytes());
    try {
      long stride = rows * (long) rec.bytes();
      ROW.invokeExact(function, from, first, stride, (long) columns / ActivationRecord.COLUMNS);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  /**
   * Multiplies up to 16 quantised rows with a group of 64 rows of weights.
   *
   * @param functions of the layout of the weights
   * @param weights packed weights
   * @param group where the group begins, in bytes
   * @param columns of the weights, whole blocks
   * @param next address of the group that this thread will read next, for the prefetch; need not be
   *     mapped
   * @param panel records of the rows, made for the layout
   * @param count rows of the panel, from 1 to 16
   * @param out takes 64 sums for each row
   * @param outOffsets where each row's sums begin in out, in bytes
   * @param first which of the offsets belongs to the first row
   */
  void product(
      Int8Functions functions,
      MemorySegment weights,
      long group,
      int columns,
      long next,
      MemorySegment panel,
      int count,
      MemorySegment out,
      long[] outOffsets,
      int first) {
    TileLayout layout = functions.layout();
    int blockColumns = layout.blockTiles() * TileLayout.TILE_COLUMNS;
    if (columns < blockColumns || columns % blockColumns != 0) {
      throw new IllegalArgumentException(
          columns + " columns are not whole blocks of " + blockColumns);
    }
    if (count < 1 || count > Int8GroupCode.MAX_ROWS) {
      throw new IllegalArgumentException(count + " rows; a call takes 1 to 16");
    }
    long stripBytes = layout.stripBytes(columns);
    MemorySegment strips = weights.asSlice(group, PackedMatrix.GROUP_STRIPS * stripBytes);
    long blocks = columns / blockColumns;
    MemorySegment records = panel.asSlice(0, functions.rec().panelBytes(columns, count));
    writable(out);
    for (int i = 0; i < count; i++) {
      long sums = outOffsets[first + i];
      Objects.checkFromIndexSize(sums, SUM_BYTES, out.byteSize());
      table.set(WORD, 8 + 8L * i, sums);
    }
    long ahead = functions.blocksAhead() - blocks;
    table.set(WORD, 0, next - strips.address() + ahead * layout.blockBytes());
    try {
      PRODUCT.invokeExact(
          functions.product(count), strips, stripBytes, records, table, blocks, out);
    } catch (Throwable e) {
      throw unchecked(e);
    }
  }

  private static MemorySegment writable(MemorySegment segment) {
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException("results cannot go to read-only memory");
    }
    return segment;
  }

  private static RuntimeException unchecked(Throwable thrown) {
    return switch (thrown) {
      case RuntimeException e -> e;
      case Error e -> throw e;
      default -> new IllegalStateException(thrown);
    };
  }
}
