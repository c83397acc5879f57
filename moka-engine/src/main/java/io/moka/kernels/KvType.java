package io.moka.kernels;

import io.moka.weights.WeightFormat;
import java.util.Optional;

/** How keys and values are stored. */
public enum KvType {
  /** As computed. */
  F32(new FloatStrips(WeightFormat.F32)),
  /** Rounded to binary16; a value too large for it becomes the largest finite one. */
  F16(new FloatStrips(WeightFormat.F16)),
  /** Rounded to the upper half of a binary32. */
  BF16(new FloatStrips(WeightFormat.BF16)),
  /** 8 bits with a scale for 32 dimensions of a key and 16 of a value, as {@link Q8Strips} says. */
  Q8(new Q8Strips());

  private final KvStrips strips;

  KvType(KvStrips strips) {
    this.strips = strips;
  }

  KvStrips strips() {
    return strips;
  }

  /**
   * The number format of this type.
   *
   * @return empty where numbers are no floats of their own, but codes that share scales
   */
  public Optional<WeightFormat> format() {
    return strips.format();
  }
}
