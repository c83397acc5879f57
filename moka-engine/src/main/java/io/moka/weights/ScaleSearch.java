package io.moka.weights;

import java.util.Arrays;

/**
 * Looks for the scales of blocks of 32 numbers. For each of many divisors c, the scale {@code max /
 * c}, where max is the block's greatest number, gives codes, and for these the least squares give
 * the scale that fits them best: {@code sum(x code) / sum(code^2)}, which takes {@code sum(x
 * code)^2 / sum(code^2)} away from the squared error. The block gets the one that takes most.
 *
 * <p>Loops run over blocks, not over the numbers of one, so that they compile to vectors; 1024
 * blocks fill them and fit the second-level cache.
 */
final class ScaleSearch {
  /** Blocks that are searched at once. */
  static final int BLOCKS = 1024;

  static final int BLOCK = 32;

  /** Added and taken away again, it rounds a float below 2^22 to nearest, ties to even. */
  private static final float ROUNDING = 0x1.8p23f;

  private static final float GREATEST_HALF = 65504;

  private final float least;
  private final float most;
  private final float[] divisors;
  private final float[][] numbers = new float[BLOCK][BLOCKS];
  private final float[] greatest = new float[BLOCKS];
  private final float[] inverse = new float[BLOCKS];
  private final float[] products = new float[BLOCKS];
  private final float[] codeSquares = new float[BLOCKS];
  private final float[] bestGain = new float[BLOCKS];
  private final float[] best = new float[BLOCKS];

  private ScaleSearch(int least, int most, float[] divisors) {
    this.least = least;
    this.most = most;
    this.divisors = divisors;
  }

  /** Codes from -127 to 127, as ggml uses them; the sign of the scale is of no use. */
  static ScaleSearch ofQ80() {
    return new ScaleSearch(-127, 127, steps(104, 128.5f, 0.5f));
  }

  /** Codes from -8 to 7: the greatest number may become either end. */
  static ScaleSearch ofQ40() {
    float[] up = steps(4.5f, 8.5f, 0.25f);
    float[] down = steps(-9.5f, -4.5f, 0.25f);
    float[] both = Arrays.copyOf(up, up.length + down.length);
    System.arraycopy(down, 0, both, up.length, down.length);
    return new ScaleSearch(-8, 7, both);
  }

  private static float[] steps(float first, float last, float step) {
    float[] steps = new float[Math.round((last - first) / step) + 1];
    for (int i = 0; i < steps.length; i++) {
      steps[i] = first + i * step;
    }
    return steps;
  }

  /** Finds the scales of blocks that lie one after the other, at most {@link #BLOCKS} of them. */
  void search(float[] values, int blocks) {
    for (int i = 0; i < BLOCK; i++) {
      for (int block = 0; block < blocks; block++) {
        numbers[i][block] = values[block * BLOCK + i];
      }
    }
    Arrays.fill(greatest, 0);
    for (float[] number : numbers) {
      for (int block = 0; block < blocks; block++) {
        boolean greater = Math.abs(number[block]) > Math.abs(greatest[block]);
        greatest[block] = greater ? number[block] : greatest[block];
      }
    }
    Arrays.fill(bestGain, 0);
    Arrays.fill(best, 0);
    for (float divisor : divisors) {
      sums(divisor);
      for (int block = 0; block < blocks; block++) {
        // without codes but zeros this is NaN, which is better than nothing never
        float scale = products[block] / codeSquares[block];
        if (products[block] * scale > bestGain[block]) {
          bestGain[block] = products[block] * scale;
          best[block] = scale;
        }
      }
    }
    for (int block = 0; block < blocks; block++) {
      best[block] = Float.float16ToFloat(Float.floatToFloat16(best[block]));
      inverse[block] = best[block] == 0 ? 0 : 1 / best[block];
    }
  }

  /** The sums of products and squares for the codes that a divisor gives. */
  private void sums(float divisor) {
    for (int block = 0; block < BLOCKS; block++) {
      inverse[block] = greatest[block] == 0 ? 0 : divisor / greatest[block];
    }
    Arrays.fill(products, 0);
    Arrays.fill(codeSquares, 0);
    for (float[] number : numbers) {
      add(number, inverse, (most + least) / 2, (most - least) / 2, products, codeSquares);
    }
  }

  /**
   * Half the difference of two distances cuts at both ends: minimum and maximum of floats, which
   * have a word to say about NaN and the sign of zero, cost three times as much.
   */
  private static void add(
      float[] number,
      float[] inverse,
      float middle,
      float half,
      float[] products,
      float[] squares) {
    for (int block = 0; block < number.length; block++) {
      float exact = number[block] * inverse[block] - middle;
      float cut = 0.5f * (Math.abs(exact + half) - Math.abs(exact - half)) + middle;
      float code = cut + ROUNDING - ROUNDING;
      products[block] += number[block] * code;
      squares[block] += code * code;
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

  /** The codes of a block's numbers; returns the sum of their squared errors. */
  double codes(float[] values, int block, int[] codes) {
    float scale = best[block];
    float reciprocal = inverse[block];
    double error = 0;
    for (int i = 0; i < BLOCK; i++) {
      float value = values[block * BLOCK + i];
      int code = (int) (value * reciprocal + ROUNDING - ROUNDING);
      codes[i] = Math.clamp(code, (int) least, (int) most);
      double difference = value - (double) scale * codes[i];
      error += difference * difference;
    }
    return error;
  }
}
