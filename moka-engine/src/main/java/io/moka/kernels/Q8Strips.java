package io.moka.kernels;

import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Keys and values in 8 bits: a number is a code from -127 to 127 times a scale in binary16, which
 * 32 dimensions of a position's key share, and 16 of its value.
 *
 * <pre>
 * strip  = codes, column after column, a byte for each of 16 lanes; then scales
 * keys   : a lane is a position, a column a dimension; 16 scales for each 32 columns
 * values : a lane is a dimension, a column a position; a scale for each of 16 columns
 * </pre>
 *
 * <p>The scale is the largest magnitude over 127, to the nearest half; codes are rounded to
 * nearest, ties to even. The product of code and scale is exact in float32. A NaN makes its group
 * NaN; numbers beyond 127 times the largest half become that.
 */
public final class Q8Strips extends KvStrips {
  /** Dimensions of a key that share a scale. */
  public static final int KEY_GROUP = 32;

  /** Bytes of the codes of a strip of values. */
  public static final int VALUE_CODES = LANES * LANES;

  /** Bytes of the scales of a group of keys, and of a strip of values. */
  public static final int SCALES_BYTES = LANES * Short.BYTES;

  /** Bytes of a strip of values. */
  public static final int VALUE_STRIP_BYTES = VALUE_CODES + SCALES_BYTES;

  private static final float LARGEST_CODE = 127;
  private static final float LARGEST_HALF = 65504;

  /** Added to a small float it leaves the nearest integer in the lowest bits. */
  private static final float ROUNDER = 0x1.8p23f;

  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT_UNALIGNED;

  Q8Strips() {}

  /**
   * Bytes of the codes of a strip of keys.
   *
   * @param headDim d
   * @return where its scales begin
   */
  public static long keyCodes(int headDim) {
    return (long) headDim * LANES;
  }

  @Override
  Optional<WeightFormat> format() {
    return Optional.empty();
  }

  @Override
  long keysBytes(int headDim) {
    return keyCodes(headDim) + Math.ceilDiv(headDim, KEY_GROUP) * (long) SCALES_BYTES;
  }

  @Override
  long valueStripBytes() {
    return VALUE_STRIP_BYTES;
  }

  @Override
  float key(MemorySegment data, long keys, int headDim, int slot, int dimension) {
    return data.get(ValueLayout.JAVA_BYTE, keys + code(dimension, slot))
        * scale(data, keys + keyScale(headDim, slot, dimension));
  }

  @Override
  float value(MemorySegment data, long values, int slot, int dimension) {
    long strip = values + dimension / LANES * (long) VALUE_STRIP_BYTES;
    return data.get(ValueLayout.JAVA_BYTE, strip + code(slot, dimension % LANES))
        * scale(data, strip + VALUE_CODES + slot * (long) Short.BYTES);
  }

  @Override
  void putKey(MemorySegment data, long keys, int headDim, int slot, MemorySegment key, long from) {
    for (int first = 0; first < headDim; first += KEY_GROUP) {
      int count = Math.min(KEY_GROUP, headDim - first);
      long floats = from + first * (long) Float.BYTES;
      long scale = keys + keyScale(headDim, slot, first);
      put(data, keys + code(first, slot), LANES, scale, key, floats, count);
    }
  }

  @Override
  void putValue(
      MemorySegment data, long values, int headDim, int slot, MemorySegment value, long from) {
    for (int first = 0; first < headDim; first += LANES) {
      int count = Math.min(LANES, headDim - first);
      long floats = from + first * (long) Float.BYTES;
      long strip = values + first / LANES * (long) VALUE_STRIP_BYTES;
      long scale = strip + VALUE_CODES + slot * (long) Short.BYTES;
      put(data, strip + code(slot, 0), 1, scale, value, floats, count);
    }
  }

  /** Some numbers that share a scale, as codes that lie a stride apart. */
  private static void put(
      MemorySegment data,
      long codes,
      int stride,
      long scaleAt,
      MemorySegment numbers,
      long from,
      int count) {
    float largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, Math.abs(numbers.get(FLOAT, from + 4L * i)));
    }
    short half = Float.floatToFloat16(Math.min(largest / LARGEST_CODE, LARGEST_HALF));
    float scale = Float.float16ToFloat(half);
    float inverse = scale > 0 ? 1 / scale : 0;
    data.set(HALF, scaleAt, half);
    for (int i = 0; i < count; i++) {
      float code =
          Math.clamp(numbers.get(FLOAT, from + 4L * i) * inverse, -LARGEST_CODE, LARGEST_CODE);
      byte bits = scale > 0 ? (byte) Float.floatToRawIntBits(code + ROUNDER) : 0;
      data.set(ValueLayout.JAVA_BYTE, codes + (long) i * stride, bits);
    }
  }

  /** Codes and scales: a scale that is not finite would make a number of a zero. */
  @Override
  void copySeenValues(MemorySegment data, long values, int first, int end, MemorySegment target) {
    for (long strip = 0; strip < target.byteSize(); strip += VALUE_STRIP_BYTES) {
      copySeen(data, values, strip, LANES, first, end, target);
      copySeen(data, values, strip + VALUE_CODES, Short.BYTES, first, end, target);
    }
  }

  /** Entries of some bytes, one for each slot; all of them are whole longs. */
  private static void copySeen(
      MemorySegment data,
      long values,
      long at,
      int bytes,
      int first,
      int end,
      MemorySegment target) {
    clear(target, at, (long) KvCache.BLOCK_TOKENS * bytes);
    long from = at + (long) first * bytes;
    MemorySegment.copy(data, values + from, target, from, (long) (end - first) * bytes);
  }

  private static long code(int column, int lane) {
    return (long) column * LANES + lane;
  }

  private static long keyScale(int headDim, int slot, int dimension) {
    return keyCodes(headDim) + dimension / KEY_GROUP * (long) SCALES_BYTES + slot * 2L;
  }

  private static float scale(MemorySegment data, long at) {
    return Float.float16ToFloat(data.get(HALF, at));
  }
}
