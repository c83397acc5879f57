package io.moka.kernels.cpu;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Shapes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Attention of one row over one span of positions, with up to eight query heads: one worker's. */
final class SpanAttention {
  private static final int HEADS = SpanProducts.MAX_HEADS;
  private static final int BLOCK = KvCache.BLOCK_TOKENS;
  private static final int SPAN_BLOCKS = Kernels.SPAN_TOKENS / BLOCK;

  private final KvType type;
  private final int headDim;
  private final SpanProducts products;
  private final Scratch scratch;

  /** Scores, then probabilities, as {@link SpanProducts} lays them out. */
  private final MemorySegment scores;

  /** The values of one block, zeros where a row does not see them. */
  private final MemorySegment masked;

  private final long[] keyBlocks = new long[SPAN_BLOCKS];
  private final long[] valueBlocks = new long[SPAN_BLOCKS];

  /** The results: sums [8, d], and of each head the largest score and the sum of exponentials. */
  private final MemorySegment sums;

  private final float[] maxima = new float[HEADS];
  private final float[] totals = new float[HEADS];

  SpanAttention(Arena arena, KvCache cache, SpanProducts products, Scratch scratch) {
    headDim = cache.headDim();
    type = cache.type();
    this.products = products;
    this.scratch = scratch;
    int blocks = SPAN_BLOCKS + SpanProducts.SPARE_BLOCKS;
    scores = arena.allocate(blocks * (long) SpanProducts.SCORE_BLOCK_BYTES, 64);
    sums = arena.allocate(HEADS * SpanProducts.sumsStride(headDim), 64);
    masked = arena.allocate(cache.valuesBytes(), 64);
  }

  boolean fits(KvCache cache) {
    return type == cache.type() && headDim == cache.headDim();
  }

  /**
   * Attends to what a row sees of a span, and adds it to the spans before it.
   *
   * @param call what is asked for
   * @param row the row
   * @param kvHead the key/value head
   * @param head the first query head
   * @param heads query heads, at most eight
   * @param start the first position of the span
   * @param into takes the result
   * @param slot of it
   * @param first whether the slot is to be set, not added to
   */
  void attend(
      AttentionCall call,
      int row,
      int kvHead,
      int head,
      int heads,
      int start,
      SpanSums into,
      int slot,
      boolean first) {
    int from = call.firstSeen(row, start);
    int to = call.endSeen(row, start);
    if (from >= to) {
      return;
    }
    KvCache cache = call.cache;
    int firstBlock = from / BLOCK;
    int blocks = Math.ceilDiv(to, BLOCK) - firstBlock;
    for (int i = 0; i < blocks; i++) {
      int block = Shapes.block(call.slots, row, firstBlock + i, cache);
      keyBlocks[i] = cache.keysOffset(block, kvHead);
      valueBlocks[i] = cache.valuesOffset(block, kvHead);
    }
    products.scores(
        cache,
        call.layer,
        keyBlocks,
        blocks,
        call.queries.data(),
        call.queries.offsetBytes(row) + (long) head * headDim * Float.BYTES,
        heads,
        call.shape.scale(),
        scores,
        0,
        scratch);
    int firstSlot = from - firstBlock * BLOCK;
    int endSlot = to - firstBlock * BLOCK;
    for (int i = 0; i < heads; i++) {
      long block = (long) i * SpanProducts.SCORE_BYTES;
      hide(block, 0, firstSlot);
      block += (blocks - 1L) * SpanProducts.SCORE_BLOCK_BYTES;
      hide(block, endSlot - (blocks - 1) * BLOCK, BLOCK);
    }
    products.softmax(scores, blocks, heads, maxima, totals, scratch);
    sumValues(cache, call.layer, heads, firstSlot, endSlot, blocks);
    if (first) {
      into.set(slot, heads, sums, maxima, totals);
    } else {
      into.add(slot, heads, sums, maxima, totals);
    }
  }

  private void hide(long block, int from, int to) {
    for (int slot = from; slot < to; slot++) {
      scores.set(JAVA_FLOAT, block + slot * 4L, Float.NEGATIVE_INFINITY);
    }
  }

  /** sums = probabilities times values of the blocks, of which slots [first, end) are seen. */
  private void sumValues(KvCache cache, int layer, int heads, int first, int end, int blocks) {
    sums.fill((byte) 0);
    for (int done = 0; done < blocks; ) {
      int from = Math.max(first - done * BLOCK, 0);
      int to = Math.min(end - done * BLOCK, BLOCK);
      int count = 1;
      MemorySegment data = cache.layer(layer);
      if (from > 0 || to < BLOCK) {
        cache.copySeenValues(layer, valueBlocks[done], from, to, masked);
        valueBlocks[done] = 0;
        data = masked;
      } else {
        // all whole blocks at once
        count = Math.max(end / BLOCK - done, 1);
      }
      products.addValues(
          cache,
          data,
          valueBlocks,
          done,
          count,
          scores,
          done * (long) SpanProducts.SCORE_BLOCK_BYTES,
          heads,
          sums,
          scratch);
      done += count;
    }
  }
}
