package io.moka.bench.compare;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.SplittableRandom;

/**
 * Types of tensors in a GGUF file, by their numbers in ggml, and how to draw random blocks of them:
 * every bit of the codes is random, the scales are such that the values have the deviation wanted.
 * What is written below as {@code code} is the integer that a block stores; its deviation is that
 * of an even distribution.
 */
enum BlockType {
  F32(0, 1, 4),
  F16(1, 1, 2),
  Q4_0(2, 32, 18),
  Q4_1(3, 32, 20),
  Q5_0(6, 32, 22),
  Q5_1(7, 32, 24),
  Q8_0(8, 32, 34),
  Q2_K(10, 256, 84),
  Q3_K(11, 256, 110),
  Q4_K(12, 256, 144),
  Q5_K(13, 256, 176),
  Q6_K(14, 256, 210),
  IQ4_NL(20, 32, 18),
  IQ4_XS(23, 256, 136),
  BF16(30, 1, 2),
  MXFP4(39, 32, 17);

  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** Deviation of an even distribution over so many neighbouring integers. */
  private static double deviation(int integers) {
    return Math.sqrt(((double) integers * integers - 1) / 12);
  }

  /** Deviations of the uneven tables of four bits: IQ4_NL's, and E2M1 in halves. */
  private static final double IQ4_DEVIATION = 71.4;

  private static final double E2M1_DEVIATION = 5.85;

  private final int number;
  private final int blockElements;
  private final int blockBytes;

  BlockType(int number, int blockElements, int blockBytes) {
    this.number = number;
    this.blockElements = blockElements;
    this.blockBytes = blockBytes;
  }

  int number() {
    return number;
  }

  int blockElements() {
    return blockElements;
  }

  int blockBytes() {
    return blockBytes;
  }

  long bytes(long elements) {
    return elements / blockElements * blockBytes;
  }

  /** How the file as a whole is called in {@code general.file_type}. */
  int fileType() {
    return switch (this) {
      case F32 -> 0;
      case F16 -> 1;
      case Q4_0 -> 2;
      case Q4_1 -> 3;
      case Q8_0 -> 7;
      case Q5_0 -> 8;
      case Q5_1 -> 9;
      case Q2_K -> 10;
      case Q3_K -> 12;
      case Q4_K -> 15;
      case Q5_K -> 17;
      case Q6_K -> 18;
      case IQ4_NL -> 25;
      case IQ4_XS -> 30;
      case BF16 -> 32;
      case MXFP4 -> 38;
    };
  }

  /** Fills memory, a whole number of blocks, with values of about this deviation. */
  void fill(MemorySegment memory, double deviation, SplittableRandom random) {
    long words = memory.byteSize() / Long.BYTES;
    for (long word = 0; word < words; word++) {
      memory.set(LONG, word * Long.BYTES, random.nextLong());
    }
    for (long rest = words * Long.BYTES; rest < memory.byteSize(); rest++) {
      memory.set(JAVA_BYTE, rest, (byte) random.nextInt());
    }
    for (long block = 0; block < memory.byteSize(); block += blockBytes) {
      double spread = blockElements == 1 ? random.nextGaussian() : random.nextDouble(0.7, 1.3);
      if (isLopsided() && random.nextBoolean()) {
        spread = -spread;
      }
      scale(memory, block, deviation * spread);
    }
  }

  /**
   * Whether codes have a mean that is not zero, and no offset makes up for it. With positive scales
   * alone every row of a matrix would have the same mean: all activations would soon lie in one
   * direction, and a few experts would have all the rows. Files have such scales of both signs,
   * too.
   */
  private boolean isLopsided() {
    return switch (this) {
      case Q4_0, Q5_0, Q8_0, Q3_K, Q6_K, IQ4_NL, IQ4_XS -> true;
      case F32, F16, BF16, Q4_1, Q5_1, Q2_K, Q4_K, Q5_K, MXFP4 -> false;
    };
  }

  /** Sets a block's scales; a single number is its own scale. */
  private void scale(MemorySegment memory, long block, double deviation) {
    switch (this) {
      case F32 -> memory.set(FLOAT, block, (float) deviation);
      case F16 -> half(memory, block, deviation);
      case BF16 -> memory.set(SHORT, block, bfloat(deviation));
      case Q4_0 -> half(memory, block, deviation / deviation(16));
      case Q4_1 -> scaleAndOffset(memory, block, deviation, 16);
      case Q5_0 -> half(memory, block, deviation / deviation(32));
      case Q5_1 -> scaleAndOffset(memory, block, deviation, 32);
      case Q8_0 -> half(memory, block, deviation / deviation(256));
      case IQ4_NL -> half(memory, block, deviation / IQ4_DEVIATION);
      case MXFP4 -> {
        long exponent = 128 + Math.round(Math.log(deviation / E2M1_DEVIATION) / Math.log(2));
        memory.set(JAVA_BYTE, block, (byte) exponent);
      }
      case Q2_K -> {
        memory.asSlice(block, 16).fill((byte) 0x88); // every scale and offset is 8
        twoHalves(memory, block + 80, deviation / 8, 4);
      }
      case Q3_K -> {
        memory.asSlice(block + 96, 8).fill((byte) 0);
        memory.asSlice(block + 104, 4).fill((byte) 0xFF); // every scale is 48 - 32
        half(memory, block + 108, deviation / (16 * deviation(8)));
      }
      case Q4_K -> {
        sixBitScales(memory, block + 4);
        twoHalves(memory, block, deviation / 32, 16);
      }
      case Q5_K -> {
        sixBitScales(memory, block + 4);
        twoHalves(memory, block, deviation / 32, 32);
      }
      case Q6_K -> {
        memory.asSlice(block + 192, 16).fill((byte) 32);
        half(memory, block + 208, deviation / (32 * deviation(64)));
      }
      case IQ4_XS -> {
        half(memory, block, deviation / (16 * IQ4_DEVIATION));
        memory.set(SHORT, block + 2, (short) 0xFFFF);
        memory.asSlice(block + 4, 4).fill((byte) 0); // every scale is 48 - 32
      }
    }
  }

  /** d * code + m with a mean of zero. */
  private static void scaleAndOffset(
      MemorySegment memory, long block, double deviation, int integers) {
    double scale = deviation / deviation(integers);
    half(memory, block, scale);
    half(memory, block + 2, -scale * (integers - 1) / 2);
  }

  /** d * scale * code - dmin * offset, where scale and offset are equal, with a mean of zero. */
  private static void twoHalves(MemorySegment memory, long at, double deviation, int integers) {
    double scale = deviation / deviation(integers);
    half(memory, at, scale);
    half(memory, at + 2, scale * (integers - 1) / 2);
  }

  /** Twelve bytes of which each scale and each offset reads as 32. */
  private static void sixBitScales(MemorySegment memory, long at) {
    memory.asSlice(at, 8).fill((byte) 0xA0);
    memory.asSlice(at + 8, 4).fill((byte) 0);
  }

  private static void half(MemorySegment memory, long at, double value) {
    memory.set(SHORT, at, Float.floatToFloat16((float) value));
  }

  private static short bfloat(double value) {
    return (short) (Float.floatToRawIntBits((float) value) >>> 16);
  }
}
