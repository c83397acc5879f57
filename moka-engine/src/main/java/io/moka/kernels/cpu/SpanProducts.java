package io.moka.kernels.cpu;

import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import java.lang.foreign.MemorySegment;

/**
 * The products of attention within a span of positions: scores of query heads with keys, and sums
 * of values weighted by probabilities. The Vector API and machine code do them each in their way;
 * both give the same bits.
 *
 * <p>With {@link io.moka.kernels.Activations#BF16} and a cache of that type, queries and
 * probabilities are rounded as rows are, and of each pair of columns or positions the odd one is
 * added first.
 *
 * <pre>
 * scores: for each block of 16 positions, for each of 8 query heads: 16 floats
 * sums:   for each of 8 query heads: d floats, rounded up to whole vectors of 16
 * </pre>
 */
public interface SpanProducts {
  /** Query heads that one call takes at most; they share a key/value head. */
  int MAX_HEADS = 8;

  /** Positions of a block, and lanes of a vector of scores. */
  int BLOCK = KvCache.BLOCK_TOKENS;

  /** Bytes from one head's scores within a block to the next head's. */
  int SCORE_BYTES = BLOCK * Float.BYTES;

  /** Bytes from one block of scores to the next. */
  int SCORE_BLOCK_BYTES = MAX_HEADS * SCORE_BYTES;

  /** Blocks beyond the last that scores need room for: they may be taken in pairs. */
  int SPARE_BLOCKS = 1;

  /**
   * Bytes from one head's sums to the next head's.
   *
   * @param headDim d
   * @return a multiple of 64
   */
  static long sumsStride(int headDim) {
    return Math.ceilDiv(headDim, BLOCK) * (long) BLOCK * Float.BYTES;
  }

  /**
   * Whether several rows read keys and values of a type faster once these are floats.
   *
   * @param type of a cache
   * @return whether {@link #widen} takes it
   */
  default boolean widens(KvType type) {
    return false;
  }

  /**
   * Makes floats of the keys and values of a block. They are exact, so that products with them have
   * the same bits.
   *
   * @param cache where they lie; its type {@link #widens}
   * @param layer of the cache
   * @param keys where the block's keys begin in the layer, in bytes
   * @param values where its values begin
   * @param floats a cache of F32 with heads of the same width; its first layer and head take them
   * @param block which block of it
   */
  default void widen(KvCache cache, int layer, long keys, long values, KvCache floats, int block) {
    throw new IllegalArgumentException("a cache of " + cache.type() + " is read as it lies");
  }

  /**
   * Scores of some blocks: {@code scores[b][i][p] = scale * sum over c of q_i[c] k_p[c]}, fused
   * multiply-adds over ascending c from zero.
   *
   * @param cache where the keys lie
   * @param layer of the cache
   * @param keys where each block's keys begin in the layer, in bytes
   * @param blocks how many
   * @param queries memory of the query heads
   * @param from where the first begins, in bytes; the others follow it, d floats each
   * @param heads query heads, at most {@link #MAX_HEADS}
   * @param scale what sums are multiplied by
   * @param scores takes the result; {@link #SPARE_BLOCKS} more may be overwritten
   * @param to where the first block's scores go, in bytes
   * @param scratch the worker's
   */
  void scores(
      KvCache cache,
      int layer,
      long[] keys,
      int blocks,
      MemorySegment queries,
      long from,
      int heads,
      float scale,
      MemorySegment scores,
      long to,
      Scratch scratch);

  /**
   * Turns scores into {@code e^(score - max)}, each head with the largest score of its own.
   *
   * @param scores of some blocks, in place; minus infinity becomes zero
   * @param blocks how many
   * @param heads query heads, at most {@link #MAX_HEADS}
   * @param maxima takes each head's largest score
   * @param totals takes each head's sum of exponentials: position p in partial sum p mod 16, then a
   *     tree
   * @param scratch the worker's
   */
  void softmax(
      MemorySegment scores, int blocks, int heads, float[] maxima, float[] totals, Scratch scratch);

  /**
   * Adds the values of some blocks: for each block, {@code sums[i][c] += sum over p of
   * probabilities[i][p] v_p[c]}, where the inner sum is fused multiply-adds over ascending p from
   * zero.
   *
   * @param cache whose shape and type the values have
   * @param data where they lie
   * @param values where each block's values begin in it, in bytes
   * @param firstBlock the first of these blocks to take
   * @param blocks how many
   * @param probabilities laid out as scores
   * @param from where those of the first block begin, in bytes
   * @param heads query heads, at most {@link #MAX_HEADS}
   * @param sums what is added to
   * @param scratch the worker's
   */
  void addValues(
      KvCache cache,
      MemorySegment data,
      long[] values,
      int firstBlock,
      int blocks,
      MemorySegment probabilities,
      long from,
      int heads,
      MemorySegment sums,
      Scratch scratch);
}
