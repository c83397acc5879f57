package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * How the numbers of a tensor are stored: little-endian, in blocks of {@link #blockElements()}
 * numbers that take {@link #blockBytes()} bytes. The quantised formats are those of ggml, by its
 * names; {@link BlockReader} knows their bytes, {@link TileLayout} how they are packed.
 */
public enum WeightFormat {
  /** IEEE 754 binary32. */
  F32(1, Float.BYTES),
  /** IEEE 754 binary16. */
  F16(1, Short.BYTES),
  /** The upper half of a binary32. */
  BF16(1, Short.BYTES),
  /** 8 bits, a scale for 32. */
  Q8_0(32, 34, TileLayout.Q8_0),
  /** 4 bits, a scale for 32. */
  Q4_0(32, 18, TileLayout.Q4_0),
  /** 4 bits, a scale and an offset for 32. */
  Q4_1(32, 20, TileLayout.Q4_1),
  /** 5 bits, a scale for 32. */
  Q5_0(32, 22, TileLayout.Q5_0),
  /** 5 bits, a scale and an offset for 32. */
  Q5_1(32, 24, TileLayout.Q5_1),
  /** 2 bits, 4-bit scales and offsets for 16, two halves for 256. */
  Q2_K(256, 84, TileLayout.Q2_K),
  /** 3 bits, 6-bit scales for 16, a half for 256. */
  Q3_K(256, 110, TileLayout.Q3_K),
  /** 4 bits, 6-bit scales and offsets for 32, two halves for 256. */
  Q4_K(256, 144, TileLayout.Q4_K),
  /** 5 bits, 6-bit scales and offsets for 32, two halves for 256. */
  Q5_K(256, 176, TileLayout.Q5_K),
  /** 6 bits, 8-bit scales for 16, a half for 256. */
  Q6_K(256, 210, TileLayout.Q6_K),
  /** 4 bits into an uneven table, a scale for 32. */
  IQ4_NL(32, 18, TileLayout.IQ4_NL),
  /** 4 bits into an uneven table, 6-bit scales for 32, a half for 256. */
  IQ4_XS(256, 136, TileLayout.IQ4_XS),
  /** 4-bit floats (E2M1), a power of two for 32. */
  MXFP4(32, 17, TileLayout.MXFP4);

  private final int blockElements;
  private final int blockBytes;
  private final Optional<TileLayout> tiles;

  WeightFormat(int blockElements, int blockBytes) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.tiles = Optional.empty();
  }

  WeightFormat(int blockElements, int blockBytes, TileLayout tiles) {
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
    this.tiles = Optional.of(tiles);
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
   * How a packed strip holds this format.
   *
   * @return the layout of a quantised format; empty for floats
   */
  public Optional<TileLayout> tiles() {
    return tiles;
  }

  /**
   * Whether numbers are codes with scales, not floats.
   *
   * @return true for all but F32, F16 and BF16
   */
  public boolean isQuantised() {
    return blockElements > 1;
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
   * Decodes one number of a format that is not quantised.
   *
   * @param data memory that holds it
   * @param offset bytes to its beginning
   * @return its value
   * @throws IllegalArgumentException for a quantised format; {@link RowDecoder} reads those
   */
  public float get(MemorySegment data, long offset) {
    return switch (this) {
      case F32 -> data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, offset);
      case F16 -> Float.float16ToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset));
      case BF16 -> Float.intBitsToFloat(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, offset) << 16);
      default -> throw new IllegalArgumentException("a number of " + this + " has no bytes alone");
    };
  }
}
