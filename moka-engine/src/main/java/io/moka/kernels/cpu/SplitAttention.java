package io.moka.kernels.cpu;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import java.lang.foreign.Arena;

/**
 * Attention of a few rows to long texts, which has fewer rows and key/value heads than threads: a
 * piece is one span of a row and head. Then the spans of each are folded in ascending order, as
 * {@link AttentionJob} folds them, so that the bits are the same. Pieces come in waves, so that
 * memory does not grow with the text.
 */
final class SplitAttention {
  /** With fewer pieces for each thread threads would wait for the last one. */
  private static final int LEAST_PIECES = 2;

  /** Pieces of a wave for each thread: between two waves all wait for the last of the first. */
  private static final int WAVE_PIECES = 16;

  private static final int HEADS = SpanProducts.MAX_HEADS;

  private final WorkerPool pool;
  private final AttentionCall call;
  private final SpanAttention[] spans;
  private final Arena arena;

  /** Spans of the rows before each row. */
  private final int[] spansBefore;

  /** A slot for each piece of a wave and eight of its query heads. */
  private SpanSums parts;

  /** A slot for each row, key/value head and eight of its query heads: all waves so far. */
  private SpanSums folded;

  /** Query heads of a key/value head, eight at a time. */
  private int chunks;

  private int waveStart;
  private int waveEnd;
  private final WorkerPool.Job spanJob = this::span;
  private final WorkerPool.Job foldJob = this::fold;

  SplitAttention(WorkerPool pool, AttentionCall call, SpanAttention[] spans, Arena arena) {
    this.pool = pool;
    this.call = call;
    this.spans = spans;
    this.arena = arena;
    spansBefore = new int[LEAST_PIECES * pool.threads() + 1];
  }

  /** Whether whole rows and heads would be too few pieces, and spans are more. */
  boolean suits() {
    int threads = pool.threads();
    if (threads == 1 || call.rows * call.shape.kvHeads() >= LEAST_PIECES * threads) {
      return false;
    }
    for (int row = 0; row < call.rows; row++) {
      spansBefore[row + 1] = spansBefore[row] + call.spans(row);
    }
    return spansBefore[call.rows] > call.rows;
  }

  /** Attends as {@link #suits} has found. */
  void attend() {
    AttentionShape shape = call.shape;
    chunks = Math.ceilDiv(shape.group(), HEADS);
    int wave = WAVE_PIECES * pool.threads();
    if (parts == null || !parts.fits(shape.headDim(), wave * chunks)) {
      parts = new SpanSums(arena, shape.headDim(), wave * chunks);
      int most = LEAST_PIECES * pool.threads() * chunks;
      folded = new SpanSums(arena, shape.headDim(), most);
    }
    int pieces = spansBefore[call.rows] * shape.kvHeads();
    for (waveStart = 0; waveStart < pieces; waveStart = waveEnd) {
      waveEnd = Math.min(pieces, waveStart + wave);
      pool.run(waveEnd - waveStart, spanJob);
      pool.run(call.rows * shape.kvHeads(), foldJob);
    }
  }

  private int heads(int chunk) {
    return Math.min(HEADS, call.shape.group() - chunk * HEADS);
  }

  /** One span of a row and key/value head: spans ascend within a row, heads within a span. */
  private void span(int index, int worker) {
    AttentionShape shape = call.shape;
    int piece = waveStart + index;
    int span = piece / shape.kvHeads();
    int kvHead = piece % shape.kvHeads();
    int row = 0;
    while (spansBefore[row + 1] <= span) {
      row++;
    }
    int start = (call.firstSpan(row) + span - spansBefore[row]) * Kernels.SPAN_TOKENS;
    for (int chunk = 0; chunk < chunks; chunk++) {
      int head = kvHead * shape.group() + chunk * HEADS;
      int slot = index * chunks + chunk;
      spans[worker].attend(call, row, kvHead, head, heads(chunk), start, parts, slot, true);
    }
  }

  /** The spans of a row and key/value head in this wave; after the last of them its result. */
  private void fold(int index, int worker) {
    AttentionShape shape = call.shape;
    int row = index / shape.kvHeads();
    int kvHead = index % shape.kvHeads();
    int first = spansBefore[row] * shape.kvHeads() + kvHead;
    int end = spansBefore[row + 1] * shape.kvHeads();
    for (int piece = first; piece < Math.min(end, waveEnd); piece += shape.kvHeads()) {
      for (int chunk = 0; piece >= waveStart && chunk < chunks; chunk++) {
        int from = (piece - waveStart) * chunks + chunk;
        folded.fold(index * chunks + chunk, heads(chunk), parts, from, piece == first);
      }
    }
    int last = end - shape.kvHeads() + kvHead;
    if (last >= waveStart && last < waveEnd) {
      divide(index, row, kvHead);
    }
  }

  private void divide(int index, int row, int kvHead) {
    for (int chunk = 0; chunk < chunks; chunk++) {
      int head = kvHead * call.shape.group() + chunk * HEADS;
      for (int h = 0; h < heads(chunk); h++) {
        int slot = index * chunks + chunk;
        folded.divide(slot, h, call.out.data(), call.outOffset(row, head + h));
      }
    }
  }
}
