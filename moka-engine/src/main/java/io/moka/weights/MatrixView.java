package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A rectangle of a stored matrix: the whole, or the shard that one of several devices holds.
 *
 * @param tensor the matrix as stored
 * @param firstRow first row
 * @param rows rows
 * @param firstColumn first column, at a block boundary of the format
 * @param columns columns
 */
public record MatrixView(Tensor tensor, int firstRow, int rows, int firstColumn, int columns) {
  /** Checks that the rectangle lies within the tensor. */
  public MatrixView {
    if (firstRow < 0
        || rows < 1
        || firstRow > tensor.rows() - rows
        || firstColumn < 0
        || columns < 1
        || firstColumn > tensor.columns() - columns) {
      throw new IndexOutOfBoundsException(
          "rows %d + %d, columns %d + %d of %s %s"
              .formatted(firstRow, rows, firstColumn, columns, tensor.name(), tensor.shape()));
    }
  }

  /**
   * The whole tensor.
   *
   * @param tensor a matrix
   * @return all of it
   */
  public static MatrixView of(Tensor tensor) {
    return new MatrixView(tensor, 0, tensor.rows(), 0, tensor.columns());
  }

  /**
   * Some rows of this view.
   *
   * @param from first row, counted within the view
   * @param count rows
   * @return the smaller view
   */
  public MatrixView rows(int from, int count) {
    Objects.checkFromIndexSize(from, count, rows);
    return new MatrixView(tensor, firstRow + from, count, firstColumn, columns);
  }

  /**
   * How numbers are stored.
   *
   * @return the tensor's format
   */
  public WeightFormat format() {
    return tensor.format();
  }

  /**
   * The tensor's memory.
   *
   * @return a segment
   */
  public MemorySegment data() {
    return tensor.data();
  }

  /**
   * The memory from the first element to the last.
   *
   * @return a segment; between its rows lie other columns, where the view has not all of them
   */
  public MemorySegment bytes() {
    long from = offsetBytes(0, 0);
    return data().asSlice(from, offsetBytes(rows - 1, columns) - from);
  }

  /**
   * Where an element lies in {@link #data()}.
   *
   * @param row from 0, within the view
   * @param column from 0, within the view
   * @return bytes
   */
  public long offsetBytes(int row, int column) {
    return tensor.format().bytes((long) (firstRow + row) * tensor.columns() + firstColumn + column);
  }
}
