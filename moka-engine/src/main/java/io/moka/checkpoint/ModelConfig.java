package io.moka.checkpoint;

import io.moka.weights.Activation;
import java.util.List;
import java.util.OptionalInt;

/**
 * An architecture as data; the components have the names of Hugging Face's {@code config.json}
 * where it has them. A value is already checked: sizes are positive, heads divide, top-k is within
 * the experts.
 *
 * @param modelType {@code qwen3_moe} or {@code mixtral}
 * @param vocabSize V
 * @param hiddenSize D
 * @param intermediateSize width of the MLP of layers without experts
 * @param numHiddenLayers count of layers
 * @param numAttentionHeads H
 * @param numKeyValueHeads K, divides H
 * @param headDim d, even
 * @param rmsNormEps epsilon of every RMSNorm
 * @param hiddenAct activation of experts and MLPs
 * @param maxPositionEmbeddings the longest sequence the model claims to understand
 * @param attentionBias whether q, k, v and o have biases
 * @param qkNorm whether each query and key head is normalised before the rotation
 * @param slidingWindow how many positions, itself included, a position sees; empty for all
 * @param rope rotary embedding
 * @param moe the experts of the layers that have them
 * @param moeLayers for each layer, whether it has experts
 * @param tieWordEmbeddings whether the head is the embedding table
 * @param bosTokenId the beginning token; empty for none
 * @param eosTokenIds the ids that end a text
 */
public record ModelConfig(
    String modelType,
    int vocabSize,
    int hiddenSize,
    int intermediateSize,
    int numHiddenLayers,
    int numAttentionHeads,
    int numKeyValueHeads,
    int headDim,
    float rmsNormEps,
    Activation hiddenAct,
    int maxPositionEmbeddings,
    boolean attentionBias,
    boolean qkNorm,
    OptionalInt slidingWindow,
    Rope rope,
    Moe moe,
    List<Boolean> moeLayers,
    boolean tieWordEmbeddings,
    OptionalInt bosTokenId,
    List<Integer> eosTokenIds) {

  /** Copies the lists. */
  public ModelConfig {
    moeLayers = List.copyOf(moeLayers);
    eosTokenIds = List.copyOf(eosTokenIds);
  }

  /**
   * The experts of a layer.
   *
   * @param numExperts E
   * @param numExpertsPerTok k
   * @param moeIntermediateSize F, the width of one expert
   * @param normTopkProb whether the chosen weights are divided by their sum
   */
  public record Moe(
      int numExperts, int numExpertsPerTok, int moeIntermediateSize, boolean normTopkProb) {}

  /**
   * Rotary position embedding: element i of a head pairs with element i + d/2.
   *
   * @param theta base of the frequencies
   * @param scaling how the frequencies are stretched
   */
  public record Rope(double theta, RopeScaling scaling) {}

  /** How rotary frequencies are stretched for contexts longer than the training's. */
  public sealed interface RopeScaling {
    /** As trained. */
    record None() implements RopeScaling {}

    /**
     * Every frequency divided by the factor.
     *
     * @param factor at least 1
     */
    record Linear(double factor) implements RopeScaling {}

    /**
     * YaRN (Peng and others, 2023), as Hugging Face computes it.
     *
     * @param factor how much longer
     * @param originalMaxPositionEmbeddings positions of the training
     * @param betaFast turns above which a pair keeps its frequency
     * @param betaSlow turns below which a pair is stretched in full
     * @param attentionFactor what cos and sin are multiplied by, resolved
     */
    record Yarn(
        double factor,
        int originalMaxPositionEmbeddings,
        double betaFast,
        double betaSlow,
        double attentionFactor)
        implements RopeScaling {}
  }

  /**
   * Whether a layer has experts.
   *
   * @param layer index from 0
   * @return true for a MoE layer, false for one with a plain MLP
   */
  public boolean isMoe(int layer) {
    return moeLayers.get(layer);
  }
}
