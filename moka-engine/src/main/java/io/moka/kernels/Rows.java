package io.moka.kernels;

import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A block of float32 activations [capacity, columns], row-major. The stride is larger than the
 * columns, so that the rows of a tile do not fall into one set of the cache; the padding is zero
 * and stays so.
 */
public final class Rows {
  private static final int LANES = 16;

  private final MemorySegment data;
  private final int capacity;
  private final int columns;
  private final int stride;
  private final int firstColumn;

  private Rows(MemorySegment data, int capacity, int columns, int stride, int firstColumn) {
    this.data = data;
    this.capacity = capacity;
    this.columns = columns;
    this.stride = stride;
    this.firstColumn = firstColumn;
  }

  /**
   * New rows of zeros.
   *
   * @param arena who owns the memory
   * @param capacity rows
   * @param columns floats a row
   * @return the rows
   */
  public static Rows allocate(Arena arena, int capacity, int columns) {
    if (capacity < 0 || columns < 0 || columns > Integer.MAX_VALUE - 2 * LANES) {
      throw new IllegalArgumentException("no room for [" + capacity + ", " + columns + "]");
    }
    int stride = (columns + LANES - 1) / LANES * LANES + LANES;
    MemorySegment data = NativeMemory.allocate(arena, (long) capacity * stride * Float.BYTES);
    return new Rows(data, capacity, columns, stride, 0);
  }

  /**
   * The same rows, fewer columns.
   *
   * @param from first column
   * @param count columns
   * @return a view of the same memory
   */
  public Rows columns(int from, int count) {
    Objects.checkFromIndexSize(from, count, columns);
    return new Rows(data, capacity, count, stride, firstColumn + from);
  }

  /**
   * The memory that all views of these rows share.
   *
   * @return a segment
   */
  public MemorySegment data() {
    return data;
  }

  /**
   * How many rows there is room for.
   *
   * @return the count
   */
  public int capacity() {
    return capacity;
  }

  /**
   * Floats in a row.
   *
   * @return the count
   */
  public int columns() {
    return columns;
  }

  /**
   * Bytes from one row to the next.
   *
   * @return the count
   */
  public long strideBytes() {
    return (long) stride * Float.BYTES;
  }

  /**
   * Where a row begins in {@link #data()}.
   *
   * @param row from 0
   * @return bytes
   */
  public long offsetBytes(int row) {
    return ((long) row * stride + firstColumn) * Float.BYTES;
  }

  /**
   * One element.
   *
   * @param row from 0
   * @param column from 0, below {@link #columns()}
   * @return its value
   */
  public float get(int row, int column) {
    return data.get(ValueLayout.JAVA_FLOAT, elementOffset(row, column));
  }

  /**
   * Sets one element.
   *
   * @param row from 0
   * @param column from 0, below {@link #columns()}
   * @param value what to store
   */
  public void set(int row, int column, float value) {
    data.set(ValueLayout.JAVA_FLOAT, elementOffset(row, column), value);
  }

  /** A column too far right would be padding, or one of the next row. */
  private long elementOffset(int row, int column) {
    return offsetBytes(row) + (long) Objects.checkIndex(column, columns) * Float.BYTES;
  }
}
