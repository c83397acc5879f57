package io.moka.kernels.cpu.x86;

import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Map;

/**
 * The products of attention in machine code; types that have none are left to other products, which
 * give the same bits.
 */
final class X86Spans implements SpanProducts {
  private final Map<KvType, SpanFunctions> functions;
  private final SpanProducts rest;

  /**
   * Products that call some functions.
   *
   * @param functions for F32 and any other types; whoever made them closes them
   * @param rest takes the other types
   */
  X86Spans(Map<KvType, SpanFunctions> functions, SpanProducts rest) {
    this.functions = functions;
    this.rest = rest;
  }

  @Override
  public boolean widens(KvType type) {
    SpanFunctions own = functions.get(type);
    return own == null ? rest.widens(type) : own.widening().isPresent();
  }

  @Override
  public void widen(KvCache cache, int layer, long keys, long values, KvCache floats, int block) {
    SpanFunctions own = functions.get(cache.type());
    if (own == null) {
      rest.widen(cache, layer, keys, values, floats, block);
      return;
    }
    MemorySegment data = cache.layer(layer);
    MemorySegment to = floats.layer(0);
    SpanCalls.widenKeys(own, cache, data, keys, to, floats.keysOffset(block, 0));
    SpanCalls.widenValues(own, cache, data, values, to, floats.valuesOffset(block, 0));
  }

  @Override
  public void scores(
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
      Scratch scratch) {
    SpanFunctions own = functions.get(cache.type());
    if (own == null) {
      rest.scores(cache, layer, keys, blocks, queries, from, heads, scale, scores, to, scratch);
      return;
    }
    // for a whole span, so that it does not grow with the text
    int room = Math.max(blocks, Kernels.SPAN_TOKENS / BLOCK);
    SpanCalls.scores(
        own,
        cache,
        cache.layer(layer),
        keys,
        blocks,
        queries,
        from,
        heads,
        scale,
        scores,
        to,
        scratch.panel(SpanCalls.scoresBytes(own, cache.headDim(), room, heads)));
  }

  @Override
  public void softmax(
      MemorySegment scores,
      int blocks,
      int heads,
      float[] maxima,
      float[] totals,
      Scratch scratch) {
    MemorySegment results = scratch.panel(SoftmaxCode.RESULT_BYTES);
    SpanCalls.softmax(functions.get(KvType.F32), scores, blocks, heads, results);
    long sums = (long) MAX_HEADS * Float.BYTES;
    MemorySegment.copy(results, ValueLayout.JAVA_FLOAT, 0, maxima, 0, heads);
    MemorySegment.copy(results, ValueLayout.JAVA_FLOAT, sums, totals, 0, heads);
  }

  @Override
  public void addValues(
      KvCache cache,
      MemorySegment data,
      long[] values,
      int firstBlock,
      int blocks,
      MemorySegment probabilities,
      long from,
      int heads,
      MemorySegment sums,
      Scratch scratch) {
    SpanFunctions own = functions.get(cache.type());
    if (own == null) {
      rest.addValues(
          cache, data, values, firstBlock, blocks, probabilities, from, heads, sums, scratch);
      return;
    }
    SpanCalls.addValues(
        own,
        cache,
        data,
        values,
        firstBlock,
        blocks,
        probabilities,
        from,
        heads,
        sums,
        scratch.panel(SpanCalls.tableBytes(blocks)));
  }
}
