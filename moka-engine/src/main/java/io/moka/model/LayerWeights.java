package io.moka.model;

import io.moka.moe.MoeLayer;
import io.moka.weights.ExpertWeights;
import java.lang.foreign.MemorySegment;

/**
 * The weights of one layer; norms as floats.
 *
 * @param attentionNorm D floats
 * @param qkv [(H + 2 K) d, D]
 * @param queryNorm d floats, or no bytes
 * @param keyNorm d floats, or no bytes
 * @param output [D, H d]
 * @param mlpNorm D floats
 * @param mlp experts or a plain MLP
 */
record LayerWeights(
    MemorySegment attentionNorm,
    Projection qkv,
    MemorySegment queryNorm,
    MemorySegment keyNorm,
    Projection output,
    MemorySegment mlpNorm,
    Mlp mlp) {

  /** What follows attention. */
  sealed interface Mlp {}

  /**
   * A router and experts.
   *
   * @param layer the whole layer
   */
  record Moe(MoeLayer layer) implements Mlp {}

  /**
   * A layer without experts: one expert that sees every row.
   *
   * @param weights its gate, up and down
   */
  record Plain(ExpertWeights weights) implements Mlp {}
}
