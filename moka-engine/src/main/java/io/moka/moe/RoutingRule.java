package io.moka.moe;

/**
 * How router logits become experts and weights; the routing contract as data.
 *
 * @param score what a logit becomes
 * @param topK experts a row
 * @param nGroup groups of equal length; 1 for none
 * @param topkGroup groups from which experts may be chosen
 * @param normTopkProb whether the chosen weights are divided by their sum + 1e-20
 * @param routedScalingFactor what weights are multiplied by in the end
 */
public record RoutingRule(
    Score score,
    int topK,
    int nGroup,
    int topkGroup,
    boolean normTopkProb,
    float routedScalingFactor) {

  /** What a logit becomes. */
  public enum Score {
    /** e^z / sum of e^z over all experts. */
    SOFTMAX,
    /** 1 / (1 + e^-z). */
    SIGMOID,
    /** sqrt(log(1 + e^z)). */
    SQRT_SOFTPLUS
  }

  /** Checks the sizes. */
  public RoutingRule {
    if (topK < 1 || nGroup < 1 || topkGroup < 1 || topkGroup > nGroup) {
      throw new IllegalArgumentException(
          "topK %d, nGroup %d, topkGroup %d".formatted(topK, nGroup, topkGroup));
    }
  }

  /**
   * Softmax over all experts, then the best k.
   *
   * @param topK experts a row
   * @param normTopkProb whether the chosen weights are divided by their sum
   * @return the rule of Qwen3 and, with renormalisation, of Mixtral
   */
  public static RoutingRule softmax(int topK, boolean normTopkProb) {
    return new RoutingRule(Score.SOFTMAX, topK, 1, 1, normTopkProb, 1);
  }
}
