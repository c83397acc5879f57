package io.moka.weights;

/**
 * The arithmetic of bf16 activations as its definition reads ({@code Activations.BF16}), scalar:
 * two roundings for each pair of columns, the odd one first, and no subnormal number.
 */
public final class Bf16Oracle {
  /** From one bf16 number to the next. */
  private static final int STEP = 1 << 16;

  private Bf16Oracle() {}

  /** One output: row {@code output} of the matrix times the rounded x. */
  public static float dot(PackedMatrix matrix, int output, float[] x) {
    float[] weights = matrix.row(output);
    float sum = 0;
    for (int even = 0; even < x.length; even += 2) {
      if (even + 1 < x.length) {
        sum = add(sum, weights[even + 1], x[even + 1]);
      }
      sum = add(sum, weights[even], x[even]);
    }
    return sum;
  }

  private static float add(float sum, float weight, float x) {
    return flushed(Math.fma(flushed(weight), round(x), sum));
  }

  private static float flushed(float value) {
    return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0f, value) : value;
  }

  /** The nearer of the two neighbours, in the middle the one whose last bit is zero. */
  public static float round(float x) {
    if (Math.abs(x) < 0x1p-56f) {
      return 0;
    }
    int bits = Float.floatToRawIntBits(x);
    int inner = bits & -STEP;
    float below = Float.intBitsToFloat(inner);
    if (Float.isNaN(x) || Float.isInfinite(x) || below == x) {
      return x;
    }
    // beyond the largest comes what would be the next power of two
    float next = Float.intBitsToFloat(inner + STEP);
    double above = Float.isInfinite(next) ? Math.copySign(0x1p128, x) : next;
    double toBelow = Math.abs((double) x - below);
    double toAbove = Math.abs(above - x);
    boolean belowIsEven = (inner & STEP) == 0;
    return toBelow < toAbove || toBelow == toAbove && belowIsEven ? below : next;
  }
}
