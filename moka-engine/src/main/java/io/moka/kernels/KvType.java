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
  BF16(WeightFormat.BF16),
  /** 8 bits with a scale for 32 dimensions of a key and 16 of a value, as {@link Q8Strips} says. */
  Q8(null);

  private static final float HALF_LARGEST = 65504;

  private final WeightFormat format;

  KvType(WeightFormat format) {
    this.format = format;
  }

  /**
   * Whether each number is a float of its own.
   *
   * @return false for codes that share scales
   */
  public boolean isFloat() {
    return format != null;
  }

  /**
   * The same as a number format.
   *
   * @return the format
   * @throws IllegalStateException if numbers are not floats
   */
  public WeightFormat format() {
    if (format == null) {
      throw new IllegalStateException(this + " has no format of single numbers");
    }
    return format;
  }

  /**
   * Rounds and stores one number of a type of floats.
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
      case Q8 -> throw new IllegalStateException("single numbers have no scale");
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
