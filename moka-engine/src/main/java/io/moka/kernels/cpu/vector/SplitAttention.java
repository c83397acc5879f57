package io.moka.kernels.cpu.vector;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.WorkerPool;
import java.lang.foreign.Arena;

/**
 * Attention of a few rows to long texts, which has fewer rows and key/value heads than threads: a
 * piece is one span of a row and head. Then the spans of each are folded in ascending order, as
 * {@link AttentionJob} folds them, so that the bits are the same.
 */
final class SplitAttention {
  /** With fewer pieces for each thread threads would wait for the last one. */
  private static final int LEAST_PIECES = 2;

  private static final int HEADS = SpanProducts.MAX_HEADS;

  private final WorkerPool pool;
  private final AttentionCall call;
  private final SpanAttention[] spans;
  private final SpanSums[] totals;
  private final Arena arena;

  /** A slot for each span of a row, key/value head and eight of its query heads. */
  private SpanSums parts;

  /** Spans of the rows before each row. */
  private final int[] before;

  private final WorkerPool.Job spanJob = this::span;
  private final WorkerPool.Job foldJob = this::fold;

  SplitAttention(
      WorkerPool pool, AttentionCall call, SpanAttention[] spans, SpanSums[] totals, Arena arena) {
    this.pool = pool;
    this.call = call;
    this.spans = spans;
    this.totals = totals;
    this.arena = arena;
    before = new int[LEAST_PIECES * pool.threads() + 1];
  }

  /** Whether whole rows and heads would be too few pieces, and spans are more. */
  boolean suits() {
    int threads = pool.threads();
    if (threads == 1 || call.rows * call.shape.kvHeads() >= LEAST_PIECES * threads) {
      return false;
    }
    for (int row = 0; row < call.rows; row++) {
      before[row + 1] = before[row] + call.spans(row);
    }
    return before[call.rows] > call.rows;
  }

  /** Attends as {@link #suits} has found. */
  void attend() {
    int all = before[call.rows] * call.shape.kvHeads();
    int slots = all * chunks();
    int headDim = call.cache.headDim();
    if (parts == null || !parts.fits(headDim, slots)) {
      // twice as many, since texts grow
      parts = new SpanSums(arena, headDim, 2 * slots);
    }
    pool.run(all, spanJob);
    pool.run(call.rows * call.shape.kvHeads(), foldJob);
  }

  /** How often eight query heads are taken. */
  private int chunks() {
    return Math.ceilDiv(call.shape.group(), HEADS);
  }

  private int slot(int index, int kvHead, int chunk) {
    return (index * call.shape.kvHeads() + kvHead) * chunks() + chunk;
  }

  private int heads(int chunk) {
    return Math.min(HEADS, call.shape.group() - chunk * HEADS);
  }

  private void span(int piece, int worker) {
    AttentionShape shape = call.shape;
    int index = piece / shape.kvHeads();
    int kvHead = piece % shape.kvHeads();
    int row = 0;
    while (before[row + 1] <= index) {
      row++;
    }
    int start = (call.firstSpan(row) + index - before[row]) * Kernels.SPAN_TOKENS;
    for (int chunk = 0; chunk < chunks(); chunk++) {
      int head = kvHead * shape.group() + chunk * HEADS;
      int slot = slot(index, kvHead, chunk);
      spans[worker].attend(call, row, kvHead, head, heads(chunk), start, parts, slot, true);
    }
  }

  private void fold(int piece, int worker) {
    AttentionShape shape = call.shape;
    int row = piece / shape.kvHeads();
    int kvHead = piece % shape.kvHeads();
    SpanSums total = totals[worker];
    for (int chunk = 0; chunk < chunks(); chunk++) {
      int heads = heads(chunk);
      for (int index = before[row]; index < before[row + 1]; index++) {
        total.fold(0, heads, parts, slot(index, kvHead, chunk), index == before[row]);
      }
      int head = kvHead * shape.group() + chunk * HEADS;
      for (int h = 0; h < heads; h++) {
        total.divide(0, h, call.out.data(), call.outOffset(row, head + h));
      }
    }
  }
}
