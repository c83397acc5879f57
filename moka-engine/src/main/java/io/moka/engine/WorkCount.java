package io.moka.engine;

import io.moka.checkpoint.ModelConfig;

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
   * @param config its shapes
   * @param bytesPerWeight bytes of one stored weight
   * @return the counts
   */
  public static WorkCount of(ModelConfig config, double bytesPerWeight) {
    long hidden = config.hiddenSize();
    long queries = (long) config.numAttentionHeads() * config.headDim();
    long keys = (long) config.numKeyValueHeads() * config.headDim();
    long attention = hidden * (queries + 2 * keys) + queries * hidden;
    long expert = 3 * hidden * config.moe().moeIntermediateSize();
    long attentionWeights = 0;
    long expertWeights = 0;
    long plainWeights = 0;
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      attentionWeights += attention;
      if (config.isMoe(layer)) {
        attentionWeights += hidden * config.moe().numExperts();
        expertWeights += expert;
      } else {
        plainWeights += 3 * hidden * config.intermediateSize();
      }
    }
    long headWeights = hidden * config.vocabSize();
    double active =
        attentionWeights + plainWeights + (double) expertWeights * config.moe().numExpertsPerTok();
    return new WorkCount(
        (long) (attentionWeights * bytesPerWeight),
        (long) (expertWeights * bytesPerWeight),
        (long) (plainWeights * bytesPerWeight),
        (long) (headWeights * bytesPerWeight),
        2 * active,
        2.0 * headWeights,
        4.0 * queries * config.numHiddenLayers());
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
