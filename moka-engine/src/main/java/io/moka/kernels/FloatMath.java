package io.moka.kernels;

/**
 * Functions of one float whose bits are the same in the interpreter, in compiled code and in a
 * vector lane: only operations that IEEE 754 rounds correctly, in a fixed order. Vector kernels
 * repeat these steps lane by lane.
 */
public final class FloatMath {
  /** Below this, e^x counts as zero; it would not be a normal number. */
  public static final float EXP_LOWEST = -87.33f;

  /** Above this, e^x counts as infinite. */
  public static final float EXP_HIGHEST = 88.02f;

  /** log2 e. */
  public static final float LOG2_E = 1.44269504f;

  /** Adding it rounds a float to an integer, which then stands in the low bits. */
  public static final float ROUNDER = 0x1.8p23f;

  /** The high part of ln 2: few bits, so that its products with small integers are exact. */
  public static final float LN2_HIGH = 0x1.62e4p-1f;

  /** ln 2 less {@link #LN2_HIGH}. */
  public static final float LN2_LOW = 1.4286068e-6f;

  /** 2 sqrt(2 / pi), of the tanh form of GELU. */
  public static final float GELU_SCALE = 1.5957691f;

  /** The cubic coefficient of the tanh form of GELU. */
  public static final float GELU_CUBIC = 0.044715f;

  private FloatMath() {}

  /**
   * e^x within 2 units in the last place; 0 below {@link #EXP_LOWEST}, infinity above {@link
   * #EXP_HIGHEST}.
   *
   * @param x any float
   * @return e^x; NaN for NaN
   */
  public static float exp(float x) {
    if (x < EXP_LOWEST) {
      return 0;
    }
    if (x > EXP_HIGHEST) {
      return Float.POSITIVE_INFINITY;
    }
    float rounded = Math.fma(x, LOG2_E, ROUNDER);
    float n = rounded - ROUNDER;
    float r = Math.fma(n, -LN2_LOW, Math.fma(n, -LN2_HIGH, x));
    // Taylor to the seventh power: |r| <= ln 2 / 2 leaves 5e-9
    float p = Math.fma(r, 1 / 5040f, 1 / 720f);
    p = Math.fma(r, p, 1 / 120f);
    p = Math.fma(r, p, 1 / 24f);
    p = Math.fma(r, p, 1 / 6f);
    p = Math.fma(r, p, 0.5f);
    p = Math.fma(r, p, 1);
    p = Math.fma(r, p, 1);
    int exponent = Float.floatToRawIntBits(rounded) << 23;
    return p * Float.intBitsToFloat(exponent + Float.floatToRawIntBits(1f));
  }

  /**
   * 1 / (1 + e^-x).
   *
   * @param x any float
   * @return between 0 and 1
   */
  public static float sigmoid(float x) {
    return 1 / (1 + exp(-x));
  }

  /**
   * x / (1 + e^-x).
   *
   * @param x any float
   * @return SiLU of x
   */
  public static float silu(float x) {
    return x / (1 + exp(-x));
  }

  /**
   * GELU in its tanh form, written as x sigmoid(2 sqrt(2/pi) (x + 0.044715 x^3)).
   *
   * @param x any float
   * @return GELU of x
   */
  public static float gelu(float x) {
    float inner = GELU_SCALE * Math.fma(GELU_CUBIC * x * x, x, x);
    return x / (1 + exp(-inner));
  }

  /**
   * log(1 + e^x), without overflow.
   *
   * @param x any float
   * @return at least 0
   */
  public static float softplus(float x) {
    float u = exp(-Math.abs(x));
    // log(1 + u) = 2 artanh(s) with s = u / (2 + u) <= 1/3, by its series to the 17th power
    float s = u / (2 + u);
    float square = s * s;
    float p = Math.fma(square, 1 / 17f, 1 / 15f);
    p = Math.fma(square, p, 1 / 13f);
    p = Math.fma(square, p, 1 / 11f);
    p = Math.fma(square, p, 1 / 9f);
    p = Math.fma(square, p, 1 / 7f);
    p = Math.fma(square, p, 1 / 5f);
    p = Math.fma(square, p, 1 / 3f);
    p = Math.fma(square, p, 1);
    return Math.max(x, 0) + 2 * s * p;
  }
}
