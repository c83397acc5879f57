package io.moka.model;

import io.moka.moe.MoeLayer;
import io.moka.moe.MoePath;
import io.moka.moe.Router;
import io.moka.weights.ExpertWeights;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

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
  record Moe(MoeLayer layer) implements Mlp {
    /** A layer without shared expert and without bias of the choice. */
    static Moe of(
        int layer, MoePath path, PackedMatrix routerWeights, Router router, ExpertWeights experts) {
      return new Moe(
          new MoeLayer(
              layer, path, routerWeights, router, new float[0], experts, Optional.empty()));
    }
  }

  /**
   * A layer without experts: one expert that sees every row.
   *
   * @param weights its gate, up and down
   */
  record Plain(ExpertWeights weights) implements Mlp {}
}
