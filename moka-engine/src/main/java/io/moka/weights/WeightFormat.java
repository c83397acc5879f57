package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * How the numbers of a tensor are stored: little-endian, in blocks of {@link #blockElements()}
 * numbers that take {@link #blockBytes()} bytes.
 */
public enum WeightFormat {
  /** IEEE 754 binary32. */
  F32(1, Float.BYTES),
  /** IEEE 754 binary16. */
  F16(1, Short.BYTES),
  /** The upper half of a binary32. */
  BF16(1, Short.BYTES);

  private final int blockElements;
  private final int blockBytes;

  WeightFormat(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  /**
   * Numbers in one block.
   *
   * @return the count
   */
  public int blockElements() {
    return blockElements;
  }

  /**
   * Bytes of one block.
   *
   * @return the count
   */
  public int blockBytes() {
    return blockBytes;
  }

  /**
   * Bytes that {@code elements} numbers take.
   *
   * @param elements a multiple of {@link #blockElements()}
   * @return the count
   * @throws ArithmeticException when it does not fit a long
   */
  public long bytes(long elements) {
    return Math.multiplyExact(elements / blockElements, (long) blockBytes);
  }

  /**
   * Decodes one number.
   *
   * @param data memory that holds it
   * @param offset bytes to its beginning
   * @return its value
   */
  public float get(MemorySegment data, long offset) {
    return switch (this) {
      case F32 -> data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset);
      case F16 -> Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset));
      case BF16 -> Float.intBitsToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset) << 16);
    };
  }
}
