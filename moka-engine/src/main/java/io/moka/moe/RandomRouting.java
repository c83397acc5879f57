package io.moka.moe;

import io.moka.kernels.RouterResult;

/**
 * Forced random routing, for load tests: each row gets k distinct experts with weights 1/k. The
 * choice depends on the seed, the layer and the row's own key alone, so that it does not change
 * with the batch.
 */
public final class RandomRouting {
  private static final long SEED = 0x4D6F6B61L;

  private RandomRouting() {}

  /**
   * Chooses experts.
   *
   * @param rowKeys a number for each row that tells it from others, such as its position and token
   * @param rows T
   * @param layer from 0
   * @param experts E, at least k
   * @param out the choice
   */
  public static void route(long[] rowKeys, int rows, int layer, int experts, RouterResult out) {
    out.reserve(rows);
    int topK = out.topK();
    for (int row = 0; row < rows; row++) {
      long state = mix(SEED + layer) ^ mix(rowKeys[row]);
      for (int rank = 0; rank < topK; ) {
        state = mix(state);
        int expert = (int) Long.remainderUnsigned(state, experts);
        if (!contains(out, row, rank, expert)) {
          out.set(row, rank, expert, 1f / topK);
          rank++;
        }
      }
    }
  }

  private static boolean contains(RouterResult out, int row, int count, int expert) {
    for (int rank = 0; rank < count; rank++) {
      if (out.expert(row, rank) == expert) {
        return true;
      }
    }
    return false;
  }

  /** The finaliser of SplitMix64 (Steele, Lea and Flood, 2014), after its increment. */
  private static long mix(long state) {
    long z = state + 0x9E3779B97F4A7C15L;
    z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
    z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
    return z ^ z >>> 31;
  }
}
