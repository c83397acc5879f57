package io.moka.engine;

import java.util.Arrays;

/**
 * Finds the best tokens of many without putting them in order: the fewest, from the best on, whose
 * masses together are enough. Three passes over the bits of the logits, from the high ones down,
 * narrow down where the last of them lies; there is no input for which it takes longer.
 */
final class BestTokens {
  /** Bits of a key that each pass looks at, from the highest. */
  private static final int[] PASSES = {11, 11, 10};

  private final double[] masses = new double[1 << 11];

  /**
   * Keeps the best: the greater logit first, of equal ones the lower id.
   *
   * @param ids tokens in ascending order; those kept are moved to the front, in the same order
   * @param count how many tokens
   * @param logits by id
   * @param massOf by id, at least 0
   * @param enough the mass to be reached
   * @return how many are kept; all where their mass is not enough
   */
  int keep(int[] ids, int count, float[] logits, float[] massOf, double enough) {
    int cut = 0; // the high bits, as far as known, of the last token kept
    int unknown = 32;
    double above = 0; // mass of the tokens that are better in the known bits
    for (int bits : PASSES) {
      sum(ids, count, logits, massOf, cut, unknown, bits);
      int part = (1 << bits) - 1;
      while (part > 0 && above + masses[part] < enough) {
        above += masses[part--];
      }
      cut = cut << bits | part;
      unknown -= bits;
    }
    int kept = 0;
    for (int i = 0; i < count; i++) {
      int id = ids[i];
      int order = Integer.compareUnsigned(key(logits[id]), cut);
      if (order == 0 && above < enough) {
        above += massOf[id];
        order = 1;
      }
      if (order > 0) {
        ids[kept++] = id;
      }
    }
    return kept;
  }

  /** Masses by the next bits, of the tokens that agree with the known ones. */
  private void sum(
      int[] ids, int count, float[] logits, float[] massOf, int known, int unknown, int bits) {
    Arrays.fill(masses, 0);
    for (int i = 0; i < count; i++) {
      int id = ids[i];
      long key = Integer.toUnsignedLong(key(logits[id]));
      if (key >>> unknown == Integer.toUnsignedLong(known)) {
        masses[(int) (key >>> (unknown - bits)) & ((1 << bits) - 1)] += massOf[id];
      }
    }
  }

  /** An unsigned number in the order of the floats. */
  private static int key(float logit) {
    int bits = Float.floatToRawIntBits(logit + 0f); // -0 becomes 0, which it ties with
    return bits < 0 ? ~bits : bits ^ Integer.MIN_VALUE;
  }
}
