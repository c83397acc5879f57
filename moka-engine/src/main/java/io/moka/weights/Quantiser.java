package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * Rounds float weights to BF16, Q8_0 or Q4_0. BF16 rounds to nearest, ties to even. A block of 32
 * numbers gets the scale with the smallest squared error among many tried: {@link ScaleSearch}.
 */
public final class Quantiser {
  private static final int BLOCK = ScaleSearch.BLOCK;

  /** Numbers that are rounded at a time: whole blocks, which need not be whole rows. */
  private static final int CHUNK = ScaleSearch.BLOCKS * BLOCK;

  private final Tensor source;
  private final WeightFormat target;
  private final Optional<ScaleSearch> scales;
  private final RowDecoder decoder = new RowDecoder();
  private final float[] values = new float[CHUNK];
  private final int[] codes = new int[BLOCK];
  private final byte[] rounded;
  private double errorSquares;
  private double squares;

  private Quantiser(Tensor source, WeightFormat target) {
    this.source = source;
    this.target = target;
    this.rounded = new byte[(int) target.bytes(CHUNK)];
    this.scales =
        switch (target) {
          case BF16 -> Optional.empty();
          case Q8_0 -> Optional.of(ScaleSearch.ofQ80());
          case Q4_0 -> Optional.of(ScaleSearch.ofQ40());
          default -> throw new IllegalArgumentException("nothing is rounded to " + target);
        };
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
    long elements = Tensor.elements(source.shape());
    for (long first = 0; first < elements; first += CHUNK) {
      int count = (int) Math.min(CHUNK, elements - first);
      decoder.decode(source.format(), source.data(), source.format().bytes(first), count, values);
      requireFinite(first, count);
      if (scales.isEmpty()) {
        roundToBf16(count);
      } else {
        scales.get().search(values, count / BLOCK);
        for (int block = 0; block < count / BLOCK; block++) {
          write(scales.get(), block);
        }
      }
      int bytes = (int) target.bytes(count);
      MemorySegment.copy(rounded, 0, out, ValueLayout.JAVA_BYTE, target.bytes(first), bytes);
    }
  }

  private void requireFinite(long first, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      sum += (double) values[i] * values[i];
    }
    for (int i = 0; i < count && !Double.isFinite(sum); i++) {
      if (!Float.isFinite(values[i])) {
        throw new ArithmeticException(
            "it holds %s in row %d".formatted(values[i], (first + i) / source.columns()));
      }
    }
    squares += sum;
  }

  private void roundToBf16(int count) {
    for (int i = 0; i < count; i++) {
      int bits = Float.floatToRawIntBits(values[i]);
      int upper = bits + 0x7FFF + (bits >>> 16 & 1) >>> 16;
      float value = Float.intBitsToFloat(upper << 16);
      if (Float.isInfinite(value)) {
        throw new ArithmeticException("it holds " + values[i] + ", which is too large");
      }
      errorSquares += square((double) values[i] - value);
      rounded[2 * i] = (byte) upper;
      rounded[2 * i + 1] = (byte) (upper >>> 8);
    }
  }

  /** The scale, then the codes, in ggml's order. */
  private void write(ScaleSearch found, int block) {
    if (found.isTooLarge(block)) {
      throw new ArithmeticException("its numbers are too large for scales of 16 bits");
    }
    int at = block * target.blockBytes();
    short half = Float.floatToFloat16(found.scale(block));
    rounded[at] = (byte) half;
    rounded[at + 1] = (byte) (half >>> 8);
    errorSquares += found.codes(values, block, codes);
    if (target == WeightFormat.Q8_0) {
      for (int i = 0; i < BLOCK; i++) {
        rounded[at + 2 + i] = (byte) codes[i];
      }
      return;
    }
    // the low nibble of byte i is number i, the high one number i + 16, plus 8 each
    for (int i = 0; i < BLOCK / 2; i++) {
      rounded[at + 2 + i] = (byte) (codes[i] + 8 | codes[BLOCK / 2 + i] + 8 << 4);
    }
  }

  private static double square(double x) {
    return x * x;
  }
}
