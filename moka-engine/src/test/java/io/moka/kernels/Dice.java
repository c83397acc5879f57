package io.moka.kernels;

import java.util.Random;

/** Random numbers that a failure's message lets repeat. */
final class Dice {
  private static final long SEED = Long.getLong("moka.test.seed", 20_250_916);
  private static final float[] SPECIAL = {0f, -0f, 1e-40f, -1e-30f, 40f, -40f};

  private final String what;
  private final Random random;

  Dice(String what) {
    this.what = what;
    this.random = new Random(SEED + what.hashCode());
  }

  int below(int bound) {
    return random.nextInt(bound);
  }

  float normal() {
    return (float) random.nextGaussian();
  }

  /** Mostly normal; sometimes a zero of either sign, a subnormal, something tiny or large. */
  float activation() {
    return below(24) == 0 ? oneOf(SPECIAL) : normal();
  }

  float oneOf(float... values) {
    return values[below(values.length)];
  }

  /** A permutation of the numbers below {@code count}. */
  int[] permutation(int count) {
    int[] order = new int[count];
    for (int i = 0; i < count; i++) {
      int other = below(i + 1);
      order[i] = order[other];
      order[other] = i;
    }
    return order;
  }

  @Override
  public String toString() {
    return what + " (-Dmoka.test.seed=" + SEED + ")";
  }
}
