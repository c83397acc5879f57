package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;

/**
 * Lays tensors out as {@link PackedMatrix} describes. The numbers stay as they are; only their order changes.
 * Every method may run on several threads at once, each with a destination of its own.
 */
public final class Packer {
  /** Pairs of columns that are turned at a time: one cache line of a row of 16-bit numbers. */
  private static final int BLOCK_PAIRS = 16;

  private Packer() {}

  /**
   * Packs a whole tensor.
   *
   * @param arena who owns the packed matrix
   * @param tensor [rows, columns]
   * @return the matrix
   */
  public static PackedMatrix pack(Arena arena, Tensor tensor) {
    return stack(arena, List.of(MatrixView.of(tensor)));
  }

  /**
   * Packs matrices of equal columns and format, one below the other; for joined query, key and value weights.
   *
   * @param arena who owns the packed matrix
   * @param parts what to stack
   * @return [sum of rows, columns]
   */
  public static PackedMatrix stack(Arena arena, List<MatrixView> parts) {
    MatrixView first = parts.getFirst();
    int rows = parts.stream().mapToInt(MatrixView::rows).sum();
    PackedMatrix packed = allocate(arena, first.format(), rows, first.columns());
    int row = 0;
    for (MatrixView part : parts) {
      if (part.columns() != first.columns() || part.format() != first.format()) {
        throw new IllegalArgumentException("stacked matrices differ in columns or format");
      }
      pack(part, packed, row);
      row += part.rows();
    }
    return packed;
  }

  /**
   * Packs gate and up joined.
   *
   * @param arena who owns the packed matrix
   * @param gate [F, D]
   * @param up [F, D]
   * @return both
   */
  public static JoinedMatrix join(Arena arena, MatrixView gate, MatrixView up) {
    int rows = JoinedMatrix.joinedRows(gate.rows());
    PackedMatrix packed = allocate(arena, gate.format(), rows, gate.columns());
    for (int row = 0; row < gate.rows(); row += JoinedMatrix.HALF_ROWS) {
      int count = Math.min(JoinedMatrix.HALF_ROWS, gate.rows() - row);
      pack(gate.rows(row, count), packed, JoinedMatrix.gateRow(row));
      pack(up.rows(row, count), packed, JoinedMatrix.upRow(row));
    }
    return new JoinedMatrix(packed, gate.rows());
  }

  /**
   * Allocates a packed matrix of zeros.
   *
   * @param arena its owner
   * @param format how numbers are stored
   * @param rows rows
   * @param columns columns
   * @return the matrix
   */
  public static PackedMatrix allocate(Arena arena, WeightFormat format, int rows, int columns) {
    long bytes = PackedMatrix.bytes(format, rows, columns);
    return new PackedMatrix(format, rows, columns, NativeMemory.allocate(arena, bytes));
  }

  /** Packs {@code part} into rows from {@code firstRow} on. */
  private static void pack(MatrixView part, PackedMatrix packed, int firstRow) {
    for (int row = 0; row < part.rows(); ) {
      int target = firstRow + row;
      int lane = target % PackedMatrix.STRIP_ROWS;
      int lanes = Math.min(PackedMatrix.STRIP_ROWS - lane, part.rows() - row);
      long strip = target / PackedMatrix.STRIP_ROWS * packed.stripBytes();
      packStrip(part, row, lanes, packed.data(), strip, lane);
      row += lanes;
    }
  }

  private static void packStrip(
      MatrixView part, int row, int lanes, MemorySegment target, long strip, int lane) {
    int pairs = part.columns() / 2;
    for (int pair = 0; pair < pairs; pair += BLOCK_PAIRS) {
      int count = Math.min(BLOCK_PAIRS, pairs - pair);
      for (int i = 0; i < lanes; i++) {
        long from = part.offsetBytes(row + i, 2 * pair);
        switch (part.format()) {
          case F32 -> turnFloats(part.data(), from, target, strip + pair * 128L, lane + i, count);
          case F16, BF16 ->
              turnWords(part.data(), from, target, strip + pair * 64L, lane + i, count);
        }
      }
    }
    if (part.columns() % 2 == 1) {
      for (int i = 0; i < lanes; i++) {
        packOddColumn(part, row + i, target, strip, lane + i);
      }
    }
  }

  private static void turnFloats(
      MemorySegment source, long from, MemorySegment target, long to, int lane, int pairs) {
    for (int i = 0; i < 2 * pairs; i++) {
      int value = source.get(ValueLayout.JAVA_INT_UNALIGNED, from + i * 4L);
      target.set(ValueLayout.JAVA_INT_UNALIGNED, to + i * 64L + lane * 4L, value);
    }
  }

  private static void turnWords(
      MemorySegment source, long from, MemorySegment target, long to, int lane, int pairs) {
    for (int i = 0; i < pairs; i++) {
      int both = source.get(ValueLayout.JAVA_INT_UNALIGNED, from + i * 4L);
      target.set(ValueLayout.JAVA_INT_UNALIGNED, to + i * 64L + lane * 4L, both);
    }
  }

  private static void packOddColumn(
      MatrixView part, int row, MemorySegment target, long strip, int lane) {
    int column = part.columns() - 1;
    long from = part.offsetBytes(row, column);
    long pair = strip + (long) (column / 2) * PackedMatrix.pairBytes(part.format());
    switch (part.format()) {
      case F32 ->
          target.set(
              ValueLayout.JAVA_INT_UNALIGNED,
              pair + lane * 4L,
              part.data().get(ValueLayout.JAVA_INT_UNALIGNED, from));
      case F16, BF16 ->
          target.set(
              ValueLayout.JAVA_SHORT_UNALIGNED,
              pair + lane * 4L,
              part.data().get(ValueLayout.JAVA_SHORT_UNALIGNED, from));
    }
  }
}
