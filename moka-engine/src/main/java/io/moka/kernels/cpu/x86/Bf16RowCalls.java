package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Objects;

/**
 * The only way into the functions that bring rows to bf16, {@link Bf16RoundCode} and {@link
 * SplitCode}: checks first, by {@link CallChecks}. A row's record of a block has 64 bytes for each
 * part: one where it is rounded, {@link SplitCode#PARTS} where all of it is kept.
 */
final class Bf16RowCalls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle FILL =
      Linker.nativeLinker()
          .downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD));

  /** Columns of a block. */
  private static final int BLOCK_COLUMNS = 32;

  private static final int PART_BYTES = BLOCK_COLUMNS * Short.BYTES;

  private Bf16RowCalls() {}

  /** Bytes of a panel of rows in so many parts. */
  static long panelBytes(int parts, int columns, int rows) {
    return Math.ceilDiv(columns, BLOCK_COLUMNS) * (long) rows * parts * PART_BYTES;
  }

  /**
   * Brings columns of rows that follow each other into a panel; a last block that is not full gets
   * zeros.
   *
   * @param function the function
   * @param parts that it makes of a row
   * @param x floats
   * @param from where these columns of the first row begin in x, in bytes
   * @param xStride bytes from a row of x to the next
   * @param firstColumn the first of them, the beginning of a block
   * @param count how many columns
   * @param panel memory of the panel
   * @param at where the panel begins, in bytes
   * @param row the first of them in the panel
   * @param end the row after the last of them
   * @param rows rows of the panel, from 1 to 16
   */
  static void fill(
      MemorySegment function,
      int parts,
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment panel,
      long at,
      int row,
      int end,
      int rows) {
    checkRows(row, end, rows);
    if (firstColumn < 0 || firstColumn % BLOCK_COLUMNS != 0 || count < 1) {
      throw new IllegalArgumentException(count + " columns from " + firstColumn + " on");
    }
    long floats = CallChecks.rows(x, from, count * (long) Float.BYTES, end - row, xStride);
    long recordBytes = parts * (long) PART_BYTES;
    long stride = rows * recordBytes;
    int blocks = count / BLOCK_COLUMNS;
    long first = firstColumn / BLOCK_COLUMNS * stride + row * recordBytes;
    long bytes = panelBytes(parts, Math.addExact(firstColumn, count), rows);
    long to = CallChecks.address(CallChecks.writable(panel), at, bytes) + first;
    if (blocks > 0) {
      long rowCount = end - row;
      try {
        FILL.invokeExact(function, floats, to, stride, (long) blocks, rowCount, xStride);
      } catch (Throwable e) {
        throw CallChecks.unchecked(e);
      }
    }
    if (blocks * BLOCK_COLUMNS < count) {
      for (int i = 0; i < end - row; i++) {
        long last = at + first + blocks * stride + i * recordBytes;
        long rest = from + i * xStride + blocks * (long) BLOCK_COLUMNS * Float.BYTES;
        fillLast(parts, x, rest, count % BLOCK_COLUMNS, panel, last);
      }
    }
  }

  /** A row's record of a block that is not full. */
  private static void fillLast(
      int parts, MemorySegment x, long from, int count, MemorySegment panel, long at) {
    for (int i = 0; i < BLOCK_COLUMNS; i++) {
      long value = from + i * (long) Float.BYTES;
      float number = i < count ? x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, value) : 0;
      for (int part = 0; part < parts; part++) {
        long place = at + part * (long) PART_BYTES + i * (long) Short.BYTES;
        panel.set(ValueLayout.JAVA_SHORT_UNALIGNED, place, part(parts, number, part));
      }
    }
  }

  /** Bits of a part of a number, as the functions make them. */
  private static short part(int parts, float x, int index) {
    return parts == 1 ? (short) (Activations.bf16Bits(x) >>> 16) : SplitCode.part(x, index);
  }

  /** Refuses rows that a panel does not have. */
  private static void checkRows(int row, int end, int rows) {
    if (rows < 1 || rows > GroupCode.MAX_ROWS || row >= end) {
      throw new IllegalArgumentException(
          "rows %d to %d of %d; a panel has 1 to 16".formatted(row, end, rows));
    }
    Objects.checkFromToIndex(row, end, rows);
  }
}
