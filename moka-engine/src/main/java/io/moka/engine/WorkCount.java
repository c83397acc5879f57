package io.moka.engine;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import java.util.Optional;

/**
 * What a step has to read and to compute, from the shapes alone. Weights count as stored;
 * embeddings, norms and the cache are left out, so that a share of the machine's limit errs to the
 * low side.
 *
 * @param attentionBytes bytes of attention and router weights, all layers
 * @param expertBytes bytes of one expert in every layer that has experts, summed over these layers
 * @param plainBytes bytes of the MLPs of layers without experts
 * @param headBytes bytes of the head
 * @param flopsPerToken operations of one token through all layers, two for each weight it meets
 * @param headFlops operations of one row of logits
 * @param attentionFlopsPerPosition operations of one token for each position it sees, all layers
 */
public record WorkCount(
    long attentionBytes,
    long expertBytes,
    long plainBytes,
    long headBytes,
    double flopsPerToken,
    double headFlops,
    double attentionFlopsPerPosition) {

  /**
   * Counts a model.
   *
   * @param checkpoint its shapes and formats
   * @return the counts
   */
  public static WorkCount of(Checkpoint checkpoint) {
    ModelConfig config = checkpoint.config();
    Sum attention = new Sum();
    Sum experts = new Sum();
    Sum plain = new Sum();
    Sum head = new Sum();
    for (TensorKey key : ModelTensors.of(config).keySet()) {
      Optional<Sum> sum =
          switch (key.part()) {
            case WQ, WK, WV, WO, ROUTER -> Optional.of(attention);
            case GATE, UP, DOWN -> Optional.of(key.expert() < 0 ? plain : experts);
            case HEAD -> Optional.of(head);
            case EMBEDDING -> config.tieWordEmbeddings() ? Optional.of(head) : Optional.empty();
            case FINAL_NORM,
                ATTENTION_NORM,
                WQ_BIAS,
                WK_BIAS,
                WV_BIAS,
                WO_BIAS,
                Q_NORM,
                K_NORM,
                MLP_NORM ->
                Optional.empty();
          };
      sum.ifPresent(part -> part.add(checkpoint.describe(key)));
    }
    double oneExpert = 1.0 / config.moe().numExperts();
    double active =
        attention.weights
            + plain.weights
            + experts.weights * oneExpert * config.moe().numExpertsPerTok();
    double queries = (double) config.numAttentionHeads() * config.headDim();
    return new WorkCount(
        attention.bytes,
        (long) (experts.bytes * oneExpert),
        plain.bytes,
        head.bytes,
        2 * active,
        2.0 * head.weights,
        4 * queries * config.numHiddenLayers());
  }

  private static final class Sum {
    private long weights;
    private long bytes;

    void add(TensorInfo tensor) {
      weights += tensor.elements();
      bytes += tensor.bytes();
    }
  }

  /**
   * Bytes of weights that a decode step reads.
   *
   * @param expertsPerLayer different experts that the rows of the step go to, averaged over the
   *     layers
   * @return the count
   */
  public double stepBytes(double expertsPerLayer) {
    return attentionBytes + plainBytes + headBytes + expertBytes * expertsPerLayer;
  }

  /**
   * Operations of a prompt from an empty cache, with one row of logits.
   *
   * @param tokens its length
   * @return the count
   */
  public double prefillFlops(int tokens) {
    double positions = tokens * (tokens + 1.0) / 2;
    return tokens * flopsPerToken + positions * attentionFlopsPerPosition + headFlops;
  }
}
