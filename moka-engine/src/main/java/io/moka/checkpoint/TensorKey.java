package io.moka.checkpoint;

/**
 * Names a tensor by what it does, whatever a file calls it.
 *
 * @param part what it is
 * @param layer layer from 0; -1 for parts outside the layers
 * @param expert expert from 0; -1 for parts that are no expert's
 */
public record TensorKey(Part part, int layer, int expert) {
  /** The parts of a model; shapes in the letters of {@link ModelConfig}. */
  public enum Part {
    /** [V, D]. */
    EMBEDDING,
    /** [D], before the head. */
    FINAL_NORM,
    /** [V, D]; absent where the embedding is tied. */
    HEAD,
    /** [D], before attention. */
    ATTENTION_NORM,
    /** [H d, D]. */
    WQ,
    /** [K d, D]. */
    WK,
    /** [K d, D]. */
    WV,
    /** [D, H d]. */
    WO,
    /** [H d]. */
    WQ_BIAS,
    /** [K d]. */
    WK_BIAS,
    /** [K d]. */
    WV_BIAS,
    /** [D]. */
    WO_BIAS,
    /** [d], one weight for all query heads. */
    Q_NORM,
    /** [d], one weight for all key heads. */
    K_NORM,
    /** [D], before the MLP or the experts. */
    MLP_NORM,
    /** [E, D]. */
    ROUTER,
    /** [F, D] of one expert, or [intermediateSize, D] of a plain MLP (expert -1). */
    GATE,
    /** As {@link #GATE}. */
    UP,
    /** [D, F] of one expert, or [D, intermediateSize] of a plain MLP (expert -1). */
    DOWN
  }

  /**
   * A part outside the layers.
   *
   * @param part which
   * @return its key
   */
  public static TensorKey model(Part part) {
    return new TensorKey(part, -1, -1);
  }

  /**
   * A part of a layer.
   *
   * @param part which
   * @param layer layer from 0
   * @return its key
   */
  public static TensorKey layer(Part part, int layer) {
    return new TensorKey(part, layer, -1);
  }

  /**
   * A part of one expert.
   *
   * @param part which
   * @param layer layer from 0
   * @param expert expert from 0
   * @return its key
   */
  public static TensorKey expert(Part part, int layer, int expert) {
    return new TensorKey(part, layer, expert);
  }
}
