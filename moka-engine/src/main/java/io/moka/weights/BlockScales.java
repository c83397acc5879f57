package io.moka.weights;

import java.util.Arrays;

/**
 * Looks for the scale of each block of 32 numbers in a row. For each of many divisors c of the
 * block's greatest number, {@code max / c} gives codes; for these codes the least squares give a
 * better scale, which is rounded to a half; codes are chosen anew, and the squared error decides.
 *
 * <p>Loops run over the blocks of a row, not over the numbers of a block, so that they compile to
 * vectors and no sum depends on an order.
 */
final class BlockScales {
  /** Scales nothing. */
  static final BlockScales NONE = new BlockScales(0, 0, 0, new float[0]);

  private static final int BLOCK = 32;

  /** Added and taken away again, it rounds a float below 2^22 to nearest, ties to even. */
  private static final float ROUNDING = 0x1.8p23f;

  private static final float GREATEST_HALF = 65504;

  private final float least;
  private final float most;
  private final float[] divisors;
  private final float[][] numbers; // [32, blocks]
  private final float[] greatest;
  private final float[] inverse;
  private final float[] candidate;
  private final float[] products;
  private final float[] codeSquares;
  private final float[] error;
  private final float[] bestError;
  private final float[] best;

  private BlockScales(int blocks, int least, int most, float[] divisors) {
    this.least = least;
    this.most = most;
    this.divisors = divisors;
    this.numbers = new float[BLOCK][blocks];
    this.greatest = new float[blocks];
    this.inverse = new float[blocks];
    this.candidate = new float[blocks];
    this.products = new float[blocks];
    this.codeSquares = new float[blocks];
    this.error = new float[blocks];
    this.bestError = new float[blocks];
    this.best = new float[blocks];
  }

  /** Codes from -127 to 127, as ggml uses them; the sign of the scale is of no use. */
  static BlockScales ofQ80(int blocks) {
    return new BlockScales(blocks, -127, 127, steps(104, 128.5f, 0.5f));
  }

  /** Codes from -8 to 7: the greatest number may become either end. */
  static BlockScales ofQ40(int blocks) {
    float[] up = steps(4.5f, 8.5f, 0.25f);
    float[] down = steps(-9.5f, -4.5f, 0.25f);
    float[] both = Arrays.copyOf(up, up.length + down.length);
    System.arraycopy(down, 0, both, up.length, down.length);
    return new BlockScales(blocks, -8, 7, both);
  }

  private static float[] steps(float first, float last, float step) {
    float[] steps = new float[Math.round((last - first) / step) + 1];
    for (int i = 0; i < steps.length; i++) {
      steps[i] = first + i * step;
    }
    return steps;
  }

  /** Finds the scales of a row's blocks. */
  void search(float[] row) {
    int blocks = greatest.length;
    Arrays.fill(greatest, 0);
    for (int block = 0; block < blocks; block++) {
      for (int i = 0; i < BLOCK; i++) {
        float value = row[block * BLOCK + i];
        numbers[i][block] = value;
        greatest[block] = Math.abs(value) > Math.abs(greatest[block]) ? value : greatest[block];
      }
    }
    Arrays.fill(bestError, Float.POSITIVE_INFINITY);
    Arrays.fill(best, 0);
    for (float divisor : divisors) {
      for (int block = 0; block < blocks; block++) {
        candidate[block] = greatest[block] / divisor;
      }
      leastSquares();
      measure();
      for (int block = 0; block < blocks; block++) {
        boolean better = error[block] < bestError[block];
        bestError[block] = better ? error[block] : bestError[block];
        best[block] = better ? candidate[block] : best[block];
      }
    }
    System.arraycopy(best, 0, candidate, 0, blocks);
    invert();
  }

  /** The half that fits the codes of each candidate best becomes the candidate. */
  private void leastSquares() {
    invert();
    Arrays.fill(products, 0);
    Arrays.fill(codeSquares, 0);
    for (float[] values : numbers) {
      for (int block = 0; block < values.length; block++) {
        float rounded = values[block] * inverse[block] + ROUNDING - ROUNDING;
        float code = Math.max(least, Math.min(most, rounded));
        products[block] += values[block] * code;
        codeSquares[block] += code * code;
      }
    }
    for (int block = 0; block < candidate.length; block++) {
      float exact = codeSquares[block] == 0 ? 0 : products[block] / codeSquares[block];
      candidate[block] = Float.float16ToFloat(Float.floatToFloat16(exact));
    }
  }

  /** The squared error of each candidate. */
  private void measure() {
    invert();
    Arrays.fill(error, 0);
    for (float[] values : numbers) {
      for (int block = 0; block < values.length; block++) {
        float rounded = values[block] * inverse[block] + ROUNDING - ROUNDING;
        float code = Math.max(least, Math.min(most, rounded));
        float difference = values[block] - candidate[block] * code;
        error[block] += difference * difference;
      }
    }
  }

  private void invert() {
    for (int block = 0; block < candidate.length; block++) {
      inverse[block] = candidate[block] == 0 ? 0 : 1 / candidate[block];
    }
  }

  /** Whether a block's greatest number needs a scale that no half can be. */
  boolean isTooLarge(int block) {
    return Math.abs(greatest[block]) / Math.max(-least, most) > GREATEST_HALF;
  }

  /** The scale that was found for a block; a half. */
  float scale(int block) {
    return best[block];
  }

  /** The code of a number of a block. */
  int code(float value, int block) {
    return (int) Math.max(least, Math.min(most, value * inverse[block] + ROUNDING - ROUNDING));
  }
}
