package io.moka.kernels;

import io.moka.weights.WeightFormat;

/** How keys and values are stored. */
public enum KvType {
  /** As computed. */
  F32(WeightFormat.F32),
  /** Rounded to binary16; a value too large for it becomes the largest finite one. */
  F16(WeightFormat.F16),
  /** Rounded to the upper half of a binary32. */
  BF16(WeightFormat.F16);

  private final WeightFormat format;

  KvType(WeightFormat format) {
    this.format = format;
  }

  /**
   * The same as a number format.
   *
   * @return the format
   */
  public WeightFormat format() {
    return format;
  }

  /**
   * Bytes of one number.
   *
   * @return the count
   */
  public int bytes() {
    return format.blockBytes();
  }
}
