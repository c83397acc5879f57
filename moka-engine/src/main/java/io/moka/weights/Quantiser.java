package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Rounds float weights to BF16, Q8_0 or Q4_0. BF16 rounds to nearest, ties to even. A block of 32
 * numbers gets the scale with the smallest squared error among many tried: {@link BlockScales}.
 */
public final class Quantiser {
  private static final int BLOCK = 32;

  private final Tensor source;
  private final WeightFormat target;
  private final RowDecoder decoder = new RowDecoder();
  private final float[] row;
  private double errorSquares;
  private double squares;

  private Quantiser(Tensor source, WeightFormat target) {
    this.source = source;
    this.target = target;
    this.row = new float[source.columns()];
  }

  /**
   * Rounds a tensor.
   *
   * @param source of floats, whose columns are whole blocks of the target
   * @param target BF16, Q8_0 or Q4_0
   * @param out memory of the rounded tensor's size, rows as in the source
   * @return the root mean square of the error, relative to that of the numbers
   * @throws ArithmeticException when a number is NaN, infinite or too large for the target
   */
  public static double quantise(Tensor source, WeightFormat target, MemorySegment out) {
    if (source.format().isQuantised() || source.columns() % target.blockElements() != 0) {
      throw new IllegalArgumentException(
          "%s of %s %s does not become %s"
              .formatted(source.name(), source.format(), source.shape(), target));
    }
    Quantiser quantiser = new Quantiser(source, target);
    quantiser.run(out);
    return quantiser.squares == 0 ? 0 : Math.sqrt(quantiser.errorSquares / quantiser.squares);
  }

  private void run(MemorySegment out) {
    int columns = source.columns();
    long sourceBytes = source.format().bytes(columns);
    long rowBytes = target.bytes(columns);
    byte[] rounded = new byte[Math.toIntExact(rowBytes)];
    BlockScales scales =
        switch (target) {
          case BF16 -> BlockScales.NONE;
          case Q8_0 -> BlockScales.ofQ80(columns / BLOCK);
          case Q4_0 -> BlockScales.ofQ40(columns / BLOCK);
          default -> throw new IllegalArgumentException("nothing is rounded to " + target);
        };
    for (int i = 0; i < source.rows(); i++) {
      decoder.decode(source.format(), source.data(), i * sourceBytes, columns, row);
      requireFinite(i);
      if (target == WeightFormat.BF16) {
        roundToBf16(rounded);
      } else {
        scales.search(row);
        errorSquares +=
            target == WeightFormat.Q8_0 ? writeQ80(scales, rounded) : writeQ40(scales, rounded);
      }
      MemorySegment.copy(rounded, 0, out, ValueLayout.JAVA_BYTE, i * rowBytes, rounded.length);
    }
  }

  private void requireFinite(int index) {
    double sum = 0;
    for (float value : row) {
      sum += (double) value * value;
    }
    if (!Double.isFinite(sum)) {
      throw new ArithmeticException("row " + index + " holds NaN or an infinity");
    }
    squares += sum;
  }

  private void roundToBf16(byte[] out) {
    for (int i = 0; i < row.length; i++) {
      int bits = Float.floatToRawIntBits(row[i]);
      int upper = bits + 0x7FFF + (bits >>> 16 & 1) >>> 16;
      float value = Float.intBitsToFloat(upper << 16);
      if (Float.isInfinite(value)) {
        throw new ArithmeticException(row[i] + " is too large for BF16");
      }
      double error = (double) row[i] - value;
      errorSquares += error * error;
      out[2 * i] = (byte) upper;
      out[2 * i + 1] = (byte) (upper >>> 8);
    }
  }

  /** d, 32 signed bytes. */
  private double writeQ80(BlockScales scales, byte[] out) {
    double errors = 0;
    for (int block = 0; block < row.length / BLOCK; block++) {
      int at = block * WeightFormat.Q8_0.blockBytes();
      float scale = writeScale(scales, block, out, at);
      for (int i = 0; i < BLOCK; i++) {
        float value = row[block * BLOCK + i];
        int code = scales.code(value, block);
        out[at + 2 + i] = (byte) code;
        errors += square(value - (double) scale * code);
      }
    }
    return errors;
  }

  /** d, 16 bytes: the low nibble of byte i is number i, the high one number i + 16, plus 8 each. */
  private double writeQ40(BlockScales scales, byte[] out) {
    double errors = 0;
    for (int block = 0; block < row.length / BLOCK; block++) {
      int at = block * WeightFormat.Q4_0.blockBytes();
      float scale = writeScale(scales, block, out, at);
      for (int i = 0; i < BLOCK / 2; i++) {
        float first = row[block * BLOCK + i];
        float second = row[block * BLOCK + BLOCK / 2 + i];
        int low = scales.code(first, block);
        int high = scales.code(second, block);
        out[at + 2 + i] = (byte) (low + 8 | high + 8 << 4);
        errors += square(first - (double) scale * low) + square(second - (double) scale * high);
      }
    }
    return errors;
  }

  private static float writeScale(BlockScales scales, int block, byte[] out, int at) {
    if (scales.isTooLarge(block)) {
      throw new ArithmeticException("its numbers are too large for scales of 16 bits");
    }
    float scale = scales.scale(block);
    short half = Float.floatToFloat16(scale);
    out[at] = (byte) half;
    out[at + 1] = (byte) (half >>> 8);
    return scale;
  }

  private static double square(double x) {
    return x * x;
  }
}
