package io.moka.kernels.cpu;

import io.moka.kernels.FloatMath;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Sums of values weighted by exponentials of scores, before they are divided by the sum of these:
 * slots for a span each, or for all spans of a row so far, with up to eight query heads.
 */
final class SpanSums {
  private static final int HEADS = SpanProducts.MAX_HEADS;

  private final int width;
  private final long stride;
  private final int slots;

  /** [slots, 8, d], each head whole vectors. */
  private final MemorySegment sums;

  /** For each slot, of each head, the largest score and the sum of exponentials. */
  private final float[] maxima;

  private final float[] totals;

  SpanSums(Arena arena, int headDim, int slots) {
    width = headDim;
    stride = SpanProducts.sumsStride(headDim);
    this.slots = slots;
    sums = arena.allocate(slots * HEADS * stride, 64);
    maxima = new float[slots * HEADS];
    totals = new float[slots * HEADS];
  }

  boolean fits(int headDim, int count) {
    return headDim == width && count <= slots;
  }

  /** Sets a slot. */
  void set(int slot, int heads, MemorySegment values, float[] spanMaxima, float[] spanTotals) {
    MemorySegment.copy(values, 0, sums, slot * HEADS * stride, heads * stride);
    System.arraycopy(spanMaxima, 0, maxima, slot * HEADS, heads);
    System.arraycopy(spanTotals, 0, totals, slot * HEADS, heads);
  }

  /** Adds a span to those before it, both brought to the larger maximum. */
  void add(int slot, int heads, MemorySegment values, float[] spanMaxima, float[] spanTotals) {
    for (int i = 0; i < heads; i++) {
      add(slot * HEADS + i, values, i * stride, spanMaxima[i], spanTotals[i]);
    }
  }

  /** As above, a span that lies in a slot of others; the first one is copied. */
  void fold(int slot, int heads, SpanSums spans, int span, boolean first) {
    for (int i = 0; i < heads; i++) {
      int to = slot * HEADS + i;
      int from = span * HEADS + i;
      if (first) {
        MemorySegment.copy(spans.sums, from * stride, sums, to * stride, stride);
        maxima[to] = spans.maxima[from];
        totals[to] = spans.totals[from];
      } else {
        add(to, spans.sums, from * stride, spans.maxima[from], spans.totals[from]);
      }
    }
  }

  private void add(int head, MemorySegment values, long from, float spanMax, float spanTotal) {
    float max = Math.max(maxima[head], spanMax);
    float keep = FloatMath.exp(maxima[head] - max);
    float take = FloatMath.exp(spanMax - max);
    maxima[head] = max;
    totals[head] = Math.fma(take, spanTotal, totals[head] * keep);
    RowMath.blend(keep, take, values, from, sums, head * stride, width);
  }

  /** The result of a slot: its sums divided. */
  void divide(int slot, int head, MemorySegment out, long to) {
    int at = slot * HEADS + head;
    RowMath.divide(totals[at], sums, at * stride, out, to, width);
  }
}
