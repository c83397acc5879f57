package io.moka.checkpoint;

import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.util.List;

/**
 * A tensor without its numbers.
 *
 * @param name its name in the file
 * @param format how the numbers are stored
 * @param shape its dimensions, the contiguous one last
 */
public record TensorInfo(String name, WeightFormat format, List<Long> shape) {
  /** Copies the list. */
  public TensorInfo {
    shape = List.copyOf(shape);
  }

  /**
   * Whether its numbers come in blocks with scales.
   *
   * @return false for floats
   */
  public boolean isQuantised() {
    return format.isQuantised();
  }

  /**
   * How many numbers it has.
   *
   * @return the count
   */
  public long elements() {
    return Tensor.elements(shape);
  }

  /**
   * How many bytes they take.
   *
   * @return the count
   */
  public long bytes() {
    return format.bytes(elements());
  }
}
