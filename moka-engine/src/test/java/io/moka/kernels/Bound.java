package io.moka.kernels;

import io.moka.weights.Activation;
import io.moka.weights.PackedMatrix;

/**
 * A number and how far two computations of it in float may lie apart, whatever their order of
 * summation. A sum of n products errs by at most n units of rounding of the sum of their
 * magnitudes; errors of the inputs go in with the weights' magnitudes.
 *
 * @param value computed in double
 * @param error the largest difference
 */
record Bound(double value, double error) {
  /** Half a unit in the last place of 1. */
  static final double ROUNDING = 0x1p-24;

  /** What is lost where numbers become too small for a normal float. */
  private static final double UNDERFLOW = 1e-36;

  static Bound exact(double value) {
    return new Bound(value, 0);
  }

  static Bound[] exactRow(Rows rows, int row) {
    Bound[] bounds = new Bound[rows.columns()];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = exact(rows.get(row, i));
    }
    return bounds;
  }

  static Bound dot(PackedMatrix matrix, int output, Bound[] x) {
    double[] weights = new double[x.length];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = matrix.get(output, i);
    }
    return dot(weights, x);
  }

  static Bound dot(double[] weights, Bound[] x) {
    double sum = 0;
    double magnitudes = 0;
    double inherited = 0;
    for (int i = 0; i < x.length; i++) {
      sum += weights[i] * x[i].value;
      magnitudes += Math.abs(weights[i]) * (Math.abs(x[i].value) + x[i].error);
      inherited += Math.abs(weights[i]) * x[i].error;
    }
    return new Bound(sum, inherited + (x.length + 4) * ROUNDING * magnitudes + UNDERFLOW);
  }

  /** act(gate) * up: the slope of either activation is below 1.2. */
  static Bound gated(Activation activation, Bound gate, Bound up) {
    double x = gate.value;
    double activated =
        switch (activation) {
          case SILU -> x / (1 + Math.exp(-x));
          case GELU -> x / (1 + Math.exp(-2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x)));
        };
    double activatedError = 1.2 * gate.error + activationError(activation, x) * Math.abs(activated);
    double product = activated * up.value;
    double error =
        activatedError * (Math.abs(up.value) + up.error)
            + Math.abs(activated) * up.error
            + 2 * ROUNDING * Math.abs(product)
            + UNDERFLOW * (1 + Math.abs(up.value));
    return new Bound(product, error);
  }

  /**
   * Relative: e^x is within two units in the last place, but an exponent that was rounded first
   * errs by as much as it is large.
   */
  private static double activationError(Activation activation, double x) {
    return switch (activation) {
      case SILU -> 10 * ROUNDING;
      case GELU -> (10 + 8 * Math.abs(x + 0.044715 * x * x * x)) * ROUNDING;
    };
  }
}
