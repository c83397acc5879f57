package io.moka.model;

import io.moka.moe.MoePath;

/**
 * How a model computes; nothing here changes what it computes beyond rounding, but for forced
 * random routing.
 *
 * @param path the way through the experts
 * @param prefuse whether gate and up are joined at load; for {@link MoePath#FUSED} alone
 * @param forceRandomRouting for load tests: each row gets k distinct experts from a seeded
 *     generator, weights 1/k
 */
public record TransformerOptions(MoePath path, boolean prefuse, boolean forceRandomRouting) {
  /** Fused and prefused. */
  public static final TransformerOptions DEFAULT =
      new TransformerOptions(MoePath.FUSED, true, false);

  /**
   * Whether the experts' gate and up are joined once.
   *
   * @return false where they lie apart
   */
  boolean joins() {
    return path == MoePath.FUSED && prefuse;
  }
}
