package io.moka.moe;

/** The ways through the experts; all give the same numbers within rounding. */
public enum MoePath {
  /** Every expert on every row, weights of unchosen experts zero: the oracle. */
  DENSE,
  /** Rows by expert, three grouped products. */
  SPARSE,
  /** One pass of one kernel: gate|up, activation, down, weighted sum. */
  FUSED
}
