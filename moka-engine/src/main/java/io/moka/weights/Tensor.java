package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A tensor as its file holds it: row-major, the last dimension contiguous. The data belongs to
 * whoever opened the file; a tensor is a view and gives no ownership.
 *
 * @param name its name in the file, for messages
 * @param format how the numbers are stored
 * @param shape its dimensions, the contiguous one last; each at least 1
 * @param data exactly the tensor's bytes, read-only
 */
public record Tensor(String name, WeightFormat format, List<Long> shape, MemorySegment data) {
  /** Checks that data and shape agree. */
  public Tensor {
    shape = List.copyOf(shape);
    if (data.byteSize() != format.bytes(elements(shape))) {
      throw new IllegalArgumentException(
          name + ": " + data.byteSize() + " bytes do not hold " + shape + " of " + format);
    }
  }

  /**
   * The number of elements of a shape.
   *
   * @param shape dimensions
   * @return their product, 1 for no dimensions
   * @throws ArithmeticException when it does not fit a long
   */
  public static long elements(List<Long> shape) {
    long product = 1;
    for (int i = 0; i < shape.size(); i++) {
      product = Math.multiplyExact(product, shape.get(i));
    }
    return product;
  }

  /**
   * The contiguous dimension.
   *
   * @return its length
   */
  public int columns() {
    return Math.toIntExact(shape.getLast());
  }

  /**
   * All dimensions but the contiguous one, multiplied; 1 for a vector.
   *
   * @return the count
   */
  public int rows() {
    // no sublist: kernels ask in every step
    return Math.toIntExact(elements(shape) / shape.getLast());
  }
}
