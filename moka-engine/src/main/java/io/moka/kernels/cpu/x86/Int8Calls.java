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
  private static final MethodHandle QUANTISE =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(ValueLayout.ADDRESS, ValueLayout.ADDRESS, WORD));

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

  private static final long TABLE_BYTES = 8 + 16L * Int8GroupCode.MAX_ROWS;

  private final MemorySegment table;

  Int8Calls(Arena arena) {
    table = arena.allocate(TABLE_BYTES, 64);
  }

  /**
   * Quantises a row.
   *
   * @param functions of the weights that the row will be multiplied with
   * @param x floats
   * @param offset where the row begins in x, in bytes
   * @param columns whole blocks of 32
   * @param records takes the records
   * @param recordOffset where they begin, in bytes
   */
  void quantise(
      Int8Functions functions,
      MemorySegment x,
      long offset,
      int columns,
      MemorySegment records,
      long recordOffset) {
    if (columns < ActivationRecord.COLUMNS || columns % ActivationRecord.COLUMNS != 0) {
      throw new IllegalArgumentException(columns + " columns are not whole blocks of 32");
    }
    long blocks = columns / ActivationRecord.COLUMNS;
    MemorySegment from = x.asSlice(offset, columns * (long) Float.BYTES);
    MemorySegment to = writable(records).asSlice(recordOffset, functions.rec().rowBytes(columns));
    try {
      QUANTISE.invokeExact(functions.quantise(), from, to, blocks);
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
   * @param activations records of the rows, made for the layout
   * @param rowOffsets where each row's records begin in activations, in bytes
   * @param first the first row to take
   * @param count rows, from 1 to 16
   * @param out takes 64 sums for each row
   * @param outOffsets where each row's sums begin in out, in bytes
   */
  void product(
      Int8Functions functions,
      MemorySegment weights,
      long group,
      int columns,
      long next,
      MemorySegment activations,
      long[] rowOffsets,
      int first,
      int count,
      MemorySegment out,
      long[] outOffsets) {
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
    long recordBytes = functions.rec().rowBytes(columns);
    writable(out);
    for (int i = 0; i < count; i++) {
      long row = rowOffsets[first + i];
      long sums = outOffsets[first + i];
      Objects.checkFromIndexSize(row, recordBytes, activations.byteSize());
      Objects.checkFromIndexSize(sums, SUM_BYTES, out.byteSize());
      table.set(WORD, 8 + 16L * i, row);
      table.set(WORD, 16 + 16L * i, sums);
    }
    int ahead = Int8GroupCode.blocksAhead(layout, Int8Functions.AHEAD_BYTES) - (int) blocks;
    table.set(WORD, 0, next - strips.address() + (long) ahead * layout.blockBytes());
    try {
      PRODUCT.invokeExact(
          functions.product(count), strips, stripBytes, activations, table, blocks, out);
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
