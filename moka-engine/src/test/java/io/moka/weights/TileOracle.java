package io.moka.weights;

/**
 * How a processor multiplies tiles of bf16 (Intel's manual, TDPBF16PS), scalar: for each 32 columns
 * a chain over the even ones and one over the odd ones, each from zero, then both together are
 * added to the sum; no subnormal number.
 */
public final class TileOracle {
  private static final int COLUMNS = 32;
  private static final int PARTS = 3;

  private TileOracle() {}

  /** One output: row {@code output} of the matrix times x, rounded to bf16. */
  public static float rounded(PackedMatrix matrix, int output, float[] x) {
    float[] rounded = new float[x.length];
    for (int i = 0; i < x.length; i++) {
      rounded[i] = Bf16Oracle.round(x[i]);
    }
    return dot(matrix, output, rounded);
  }

  /** As above with all of x: three numbers of bf16, each the beginning of what is left of x. */
  public static float exact(PackedMatrix matrix, int output, float[] x) {
    float[][] parts = new float[PARTS][x.length];
    for (int i = 0; i < x.length; i++) {
      float left = x[i];
      for (int part = 0; part < PARTS && Float.isFinite(left); part++) {
        parts[part][i] = Float.intBitsToFloat(Float.floatToRawIntBits(left) & 0xFFFF_0000);
        left -= parts[part][i];
      }
      if (!Float.isFinite(left)) {
        parts[0][i] = left;
      }
    }
    return dot(matrix, output, parts);
  }

  private static float dot(PackedMatrix matrix, int output, float[]... parts) {
    float[] weights = matrix.row(output);
    float sum = 0;
    for (int block = 0; block < weights.length; block += COLUMNS) {
      for (float[] part : parts) {
        float even = chain(weights, part, block);
        float odd = chain(weights, part, block + 1);
        sum = flushed(sum + flushed(even + odd));
      }
    }
    return sum;
  }

  /** Every other column of a block; those beyond the matrix are zeros times zeros. */
  private static float chain(float[] weights, float[] x, int first) {
    float sum = 0;
    for (int i = first; i < first + COLUMNS; i += 2) {
      float weight = i < weights.length ? flushed(weights[i]) : 0;
      float factor = i < x.length ? flushed(x[i]) : 0;
      sum = flushed(Math.fma(weight, factor, sum));
    }
    return sum;
  }

  private static float flushed(float value) {
    return Math.abs(value) < Float.MIN_NORMAL ? Math.copySign(0f, value) : value;
  }
}
