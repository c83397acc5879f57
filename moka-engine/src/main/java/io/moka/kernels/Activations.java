package io.moka.kernels;

import io.moka.weights.WeightFormat;

/** How precisely the inputs of products with packed matrices are taken. */
public enum Activations {
  /** {@link #EXACT} for float weights, {@link #INT8} for quantised ones. */
  AUTO,

  /**
   * As float32. Machine code with the tiles of AMX takes them as three numbers of bf16, whose sum
   * they are, where weights are BF16: there numbers below 2^-126 count as zeros, and the order of
   * summation is another.
   */
  EXACT,

  /**
   * For quantised weights rounded to 8 bits with one scale for 32 columns: {@code da = max|x| /
   * 127}, {@code a = round-half-even(x * (127 / max|x|))}. A product then sums, over ascending
   * blocks, {@code acc = fma(I, scale * da, acc)} with the exact integer {@code I = sum of code *
   * a}, and where the format has offsets {@code acc = fma(offset, da * sum of a, acc)}. A block
   * that is not finite makes the sum no number. Float weights take float32 all the same.
   */
  INT8,

  /**
   * For quantised weights rounded to 8 bits twice. The first part is that of {@link #INT8}, with
   * {@code da1} and {@code a1}; the rest {@code r = fma(-da1, a1, x)} is rounded in the same way,
   * with scales of its own. A product is that of the first parts plus that of the second, each of
   * them one chain as INT8 sums it up, then one addition in float32. Its error is about 1/254 of
   * INT8's. Float weights take float32.
   *
   * <p>A block that is not finite makes the sum no number. A rest below {@link #LEAST} counts as
   * zeros as a block does, so blocks whose largest magnitude is below 2^-114 are taken as INT8
   * takes them.
   */
  INT8X2,

  /**
   * For BF16 weights rounded to bf16, nearest even; below {@link #LEAST_BF16} they count as zero. A
   * product then sums, over ascending pairs of columns and the odd one of a pair first, {@code acc
   * = fma(w[odd], a[odd], acc); acc = fma(w[even], a[even], acc)} in float32, where numbers below
   * 2^-126 are zeros on the way in and out. A last column without a partner is paired with zero.
   * Quantised weights take {@link #INT8}, the others float32. Over a cache of BF16 attention rounds
   * queries and probabilities in this way, too; keys and values are the weights then.
   *
   * <p>Tiles of a processor with AMX sum up in another order, over 32 columns at a time; the
   * machine code for them says which.
   *
   * <p>Whoever computes without flushing gets the same bits if no weight but zero is below {@link
   * #LEAST_BF16}: every sum is then a multiple of 2^-126. If one is, its sums differ by rounding
   * and by up to 2^-126 (1 + |a|) for each column.
   */
  BF16;

  /**
   * The largest magnitude of a block below which all of it counts as zeros: 127 over it would not
   * be finite. Far below whatever a model computes.
   */
  public static final float LEAST = 0x1p-121f;

  /**
   * The magnitude below which bf16 activations count as zeros: their products with weights as large
   * or larger are multiples of 2^-126. Far below whatever a model computes.
   */
  public static final float LEAST_BF16 = 0x1p-56f;

  /**
   * Whether rows are rounded to 8 bits before they meet weights of a format.
   *
   * @param format of the weights
   * @return true for int8, in one part or two
   */
  public boolean quantises(WeightFormat format) {
    return this != EXACT && format.isQuantised();
  }

  /**
   * Whether what the rounding to 8 bits leaves of rows is a second part of them.
   *
   * @param format of the weights
   * @return true for int8x2
   */
  public boolean inTwoParts(WeightFormat format) {
    return this == INT8X2 && quantises(format);
  }

  /**
   * Whether rows are rounded to bf16 before they meet weights of a format.
   *
   * @param format of the weights
   * @return true for bf16
   */
  public boolean roundsToBf16(WeightFormat format) {
    return this == BF16 && format == WeightFormat.BF16;
  }

  /**
   * Whether queries and probabilities are rounded to bf16 before they meet keys and values.
   *
   * @param type of these
   * @return true for bf16
   */
  public boolean roundsToBf16(KvType type) {
    return this == BF16 && type == KvType.BF16;
  }

  /**
   * Whether rows are rounded in any way before they meet weights of a format.
   *
   * @param format of the weights
   * @return false where they stay float32
   */
  public boolean rounds(WeightFormat format) {
    return quantises(format) || roundsToBf16(format);
  }

  /**
   * A number as {@link #BF16} rounds it.
   *
   * @param x any; a NaN stays one
   * @return the bits of a float whose lower half is zero
   */
  public static int bf16Bits(float x) {
    int bits = Float.floatToRawIntBits(x);
    if (Float.isNaN(x)) {
      return (bits | 0x0040_0000) & 0xFFFF_0000;
    }
    if (Math.abs(x) < LEAST_BF16) {
      return 0;
    }
    return bits + 0x7FFF + (bits >>> 16 & 1) & 0xFFFF_0000;
  }
}
