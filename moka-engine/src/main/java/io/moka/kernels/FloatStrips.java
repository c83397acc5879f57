package io.moka.kernels;

import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Keys and values whose numbers are floats of their own, in the strips of {@link PackedMatrix}, so
 * that attention multiplies them as products do weights.
 */
final class FloatStrips extends KvStrips {
  private static final float HALF_LARGEST = 65504;

  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  private final WeightFormat format;
  private final int pairBytes;
  private final long valueStripBytes;

  /** From one lane to the next, in bytes. */
  private final long lane;

  /** From the even column of a pair to the odd one, in bytes. */
  private final long half;

  FloatStrips(WeightFormat format) {
    this.format = format;
    pairBytes = PackedMatrix.pairBytes(format);
    valueStripBytes = PackedMatrix.stripBytes(format, LANES);
    lane = PackedMatrix.elementOffset(format, 1, 0);
    half = PackedMatrix.elementOffset(format, 0, 1);
  }

  @Override
  Optional<WeightFormat> format() {
    return Optional.of(format);
  }

  @Override
  long keysBytes(int headDim) {
    return PackedMatrix.stripBytes(format, headDim);
  }

  @Override
  long valueStripBytes() {
    return valueStripBytes;
  }

  /** Where an element lies within the keys of a block and head, in bytes. */
  long keyOffset(int slot, int dimension) {
    return PackedMatrix.elementOffset(format, slot, dimension);
  }

  /** Where an element lies within the values of a block and head, in bytes. */
  long valueOffset(int slot, int dimension) {
    return dimension / LANES * valueStripBytes
        + PackedMatrix.elementOffset(format, dimension % LANES, slot);
  }

  @Override
  float key(MemorySegment data, long keys, int headDim, int slot, int dimension) {
    return format.get(data, keys + keyOffset(slot, dimension));
  }

  @Override
  float value(MemorySegment data, long values, int slot, int dimension) {
    return format.get(data, values + valueOffset(slot, dimension));
  }

  @Override
  void putKey(MemorySegment data, long keys, int headDim, int slot, MemorySegment key, long from) {
    long to = keys + keyOffset(slot, 0);
    for (int i = 0; i < headDim; i++) {
      float number = key.get(FLOAT, from + 4L * i);
      put(format, data, to + i / 2 * (long) pairBytes + i % 2 * half, number);
    }
  }

  @Override
  void putValue(
      MemorySegment data, long values, int headDim, int slot, MemorySegment value, long from) {
    long to = values + valueOffset(slot, 0);
    for (int i = 0; i < headDim; i++) {
      float number = value.get(FLOAT, from + 4L * i);
      put(format, data, to + i / LANES * valueStripBytes + i % LANES * lane, number);
    }
  }

  /** Rounds and stores one number of a format of floats. */
  static void put(WeightFormat format, MemorySegment data, long offset, float value) {
    switch (format) {
      case F32 -> data.set(FLOAT, offset, value);
      case F16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, toHalf(value));
      case BF16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, offset, toBfloat(value));
      default -> throw new IllegalStateException("numbers of " + format + " are no floats");
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

  @Override
  void copySeenValues(MemorySegment data, long values, int first, int end, MemorySegment target) {
    long from = first / 2 * (long) pairBytes;
    long to = Math.ceilDiv(end, 2) * (long) pairBytes;
    for (long strip = 0; strip < target.byteSize(); strip += valueStripBytes) {
      clear(target, strip, from);
      MemorySegment.copy(data, values + strip + from, target, strip + from, to - from);
      clear(target, strip + to, valueStripBytes - to);
      if (first % 2 == 1) {
        clearHalf(target, strip + from, 0);
      }
      if (end % 2 == 1) {
        clearHalf(target, strip + to - pairBytes, 1);
      }
    }
  }

  /** Clears one of the two slots of a pair. */
  private void clearHalf(MemorySegment target, long pair, int slot) {
    if (format != WeightFormat.BF16) {
      clear(target, pair + slot * half, half);
      return;
    }
    for (long at = pair; at < pair + pairBytes; at += Integer.BYTES) {
      int both = target.get(ValueLayout.JAVA_INT_UNALIGNED, at);
      target.set(ValueLayout.JAVA_INT_UNALIGNED, at, slot == 0 ? both & ~0xFFFF : both & 0xFFFF);
    }
  }
}
