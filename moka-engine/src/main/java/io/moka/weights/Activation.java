package io.moka.weights;

/** The function between an expert's gate product and its up product. */
public enum Activation {
  /** x / (1 + e^-x). */
  SILU,
  /** x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). */
  GELU
}
