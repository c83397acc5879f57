package io.moka.kernels;

/**
 * The sizes of an attention layer. Query head h reads key/value head {@code h / (heads / kvHeads)}.
 *
 * @param heads H
 * @param kvHeads K, divides H
 * @param headDim d, even
 * @param window how many positions, itself included, a position sees; {@link Integer#MAX_VALUE} for
 *     all
 */
public record AttentionShape(int heads, int kvHeads, int headDim, int window) {
  /**
   * Query heads that share a key/value head.
   *
   * @return H / K
   */
  public int group() {
    return heads / kvHeads;
  }

  /**
   * What scores are multiplied by.
   *
   * @return 1 / sqrt(d)
   */
  public float scale() {
    return (float) (1 / Math.sqrt(headDim));
  }
}
