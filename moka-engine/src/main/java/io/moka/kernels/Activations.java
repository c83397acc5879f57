package io.moka.kernels;

import io.moka.weights.WeightFormat;

/** How precisely the inputs of products with packed matrices are taken. */
public enum Activations {
  /** {@link #EXACT} for float weights, {@link #INT8} for quantised ones. */
  AUTO,

  /** As float32. */
  EXACT,

  /**
   * For quantised weights rounded to 8 bits with one scale for 32 columns: {@code da = max|x| /
   * 127}, {@code a = round-half-even(x * (127 / max|x|))}. A product then sums, over ascending
   * blocks, {@code acc = fma(I, scale * da, acc)} with the exact integer {@code I = sum of code *
   * a}, and where the format has offsets {@code acc = fma(offset, da * sum of a, acc)}. Float
   * weights take float32 all the same.
   */
  INT8;

  /**
   * The largest magnitude of a block below which all of it counts as zeros: 127 over it would not
   * be finite. Far below whatever a model computes.
   */
  public static final float LEAST = 0x1p-121f;

  /**
   * Whether rows are rounded before they meet weights of a format.
   *
   * @param format of the weights
   * @return true for int8
   */
  public boolean quantises(WeightFormat format) {
    return this != EXACT && format.isQuantised();
  }
}
