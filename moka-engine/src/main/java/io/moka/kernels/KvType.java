package io.moka.kernels;

import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** How keys and values are stored. */
public enum KvType {
  /** As computed. */
  F32(WeightFormat.F32),
  /** Rounded to binary16; a value too large for it becomes the largest finite one. */
  F16(WeightFormat.F16),
  /** Rounded to the upper half of a binary32. */
  BF16(WeightFormat.BF16);

  private static final float HALF_LARGEST = 65504;

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

  /**
   * Rounds and stores one number.
   *
   * @param data memory to store into
   * @param offset bytes to where it goes
   * @param value what to store
   */
  public void put(MemorySegment data, long offset, float value) {
    switch (this) {
      case F32 -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, offset, value);
      case F16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, toHalf(value));
      case BF16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, toBfloat(value));
    }
  }

  private static short toHalf(float value) {
    return Float.floatToFloat16(Math.clamp(value, -HALF_LARGEST, HALF_LARGEST));
  }

  /** Round to nearest, ties to even; a NaN stays one. */
  private static short toBfloat(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
  }
}
