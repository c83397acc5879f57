package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
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
  private static final MethodHandle ROUND =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD));
  private static final MethodHandle PRODUCT =
      Linker.nativeLinker()
          .downcallHandle(
              FunctionDescriptor.ofVoid(WORD, WORD, WORD, WORD, WORD, WORD, WORD, WORD));

  /** Columns of a block. */
  private static final int BLOCK_COLUMNS = 2 * Bf16GroupCode.BLOCK_PAIRS;

  private static final int RECORD_BYTES = Bf16GroupCode.RECORD_BYTES;

  private Bf16Calls() {}

  /** Bytes of a panel. */
  static long panelBytes(int columns, int rows) {
    return Math.ceilDiv(columns, BLOCK_COLUMNS) * (long) rows * RECORD_BYTES;
  }

  /**
   * Rounds columns of a row into a panel; a last block that is not full gets zeros.
   *
   * @param function {@link Bf16RoundCode}
   * @param x floats
   * @param from where these columns begin in x, in bytes
   * @param firstColumn the first of them, the beginning of a block
   * @param count how many
   * @param panel memory of the panel
   * @param at where the panel begins, in bytes
   * @param row which row of the panel
   * @param rows rows of the panel
   */
  static void round(
      MemorySegment function,
      MemorySegment x,
      long from,
      int firstColumn,
      int count,
      MemorySegment panel,
      long at,
      int row,
      int rows) {
    checkRows(rows);
    Objects.checkIndex(row, rows);
    if (firstColumn < 0 || firstColumn % BLOCK_COLUMNS != 0 || count < 1) {
      throw new IllegalArgumentException(count + " columns from " + firstColumn + " on");
    }
    long floats = Int8Calls.address(x, from, count * (long) Float.BYTES);
    long stride = rows * (long) RECORD_BYTES;
    int blocks = count / BLOCK_COLUMNS;
    long first = firstColumn / BLOCK_COLUMNS * stride + row * (long) RECORD_BYTES;
    long bytes = panelBytes(Math.addExact(firstColumn, count), rows);
    long to = Int8Calls.address(Int8Calls.writable(panel), at, bytes) + first;
    if (blocks > 0) {
      try {
        ROUND.invokeExact(function, floats, to, stride, (long) blocks);
      } catch (Throwable e) {
        throw Int8Calls.unchecked(e);
      }
    }
    int done = blocks * BLOCK_COLUMNS;
    if (done < count) {
      long last = at + first + blocks * stride;
      for (int i = 0; i < BLOCK_COLUMNS; i++) {
        long value = from + (done + i) * (long) Float.BYTES;
        int bits =
            done + i < count
                ? Activations.bf16Bits(x.get(ValueLayout.JAVA_FLOAT_UNALIGNED, value))
                : 0;
        panel.set(
            ValueLayout.JAVA_SHORT_UNALIGNED, last + i * (long) Short.BYTES, (short) (bits >> 16));
      }
    }
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
    checkRows(rows);
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

  private static void checkRows(int rows) {
    if (rows < 1 || rows > GroupCode.MAX_ROWS) {
      throw new IllegalArgumentException(rows + " rows; a panel has 1 to 16");
    }
  }
}
