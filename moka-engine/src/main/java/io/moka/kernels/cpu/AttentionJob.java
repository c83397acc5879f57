package io.moka.kernels.cpu;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.kernels.SlotMap;
import java.lang.foreign.Arena;

/**
 * Attention over the cache. A piece is some neighbouring rows and one key/value head: all its query
 * heads share each key and value read, and the rows follow each other within a span, whose keys and
 * values stay in the second-level cache meanwhile. Where that would leave threads without a piece,
 * {@link SplitAttention} takes over.
 */
final class AttentionJob implements WorkerPool.Job, AutoCloseable {
  /** Rows of a piece: their running sums leave the second-level cache to keys and values. */
  private static final int MOST_ROWS = 32;

  /** So many pieces for each thread keep it busy to the end of a job. */
  private static final int PIECES_PER_THREAD = 8;

  private static final int HEADS = SpanProducts.MAX_HEADS;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final SpanProducts products;
  private final Arena arena;
  private final AttentionCall call = new AttentionCall();
  private final SpanAttention[] spans;

  /** None where there is nothing to widen. */
  private final WideSpan[] wideSpans;

  /** Of each worker, a slot a row: the spans so far. */
  private final SpanSums[] folded;

  private final SplitAttention split;
  private int pieceRows;

  AttentionJob(WorkerPool pool, Scratch[] scratch, SpanProducts products, Arena arena) {
    this.pool = pool;
    this.scratch = scratch;
    this.products = products;
    this.arena = arena;
    this.spans = new SpanAttention[scratch.length];
    this.wideSpans = new WideSpan[scratch.length];
    this.folded = new SpanSums[scratch.length];
    this.split = new SplitAttention(pool, call, spans, arena);
  }

  void attend(
      Rows queries,
      KvCache cache,
      int layer,
      SlotMap slots,
      AttentionShape shape,
      int rows,
      Rows out) {
    call.set(queries, cache, layer, slots, shape, rows, out);
    for (int i = 0; i < spans.length; i++) {
      if (spans[i] == null || !spans[i].fits(cache)) {
        WideSpan wide =
            products.widens(cache.type()) ? new WideSpan(arena, cache, products, scratch[i]) : null;
        close(i);
        wideSpans[i] = wide;
        spans[i] = new SpanAttention(arena, cache, products, scratch[i]);
        folded[i] = new SpanSums(arena, cache.headDim(), MOST_ROWS);
      }
    }
    if (split.suits()) {
      split.attend();
      return;
    }
    int wanted = pool.threads() * PIECES_PER_THREAD;
    pieceRows = Math.clamp(rows * shape.kvHeads() / wanted, 1, MOST_ROWS);
    pool.run(Math.ceilDiv(rows, pieceRows) * shape.kvHeads(), this);
  }

  @Override
  public void run(int piece, int worker) {
    AttentionShape shape = call.shape;
    // the last rows see the most positions: they come first, so that no thread is left with them
    int first = (Math.ceilDiv(call.rows, pieceRows) - 1 - piece / shape.kvHeads()) * pieceRows;
    int count = Math.min(pieceRows, call.rows - first);
    int kvHead = piece % shape.kvHeads();
    for (int done = 0; done < shape.group(); done += HEADS) {
      int heads = Math.min(HEADS, shape.group() - done);
      attendHeads(first, count, kvHead, kvHead * shape.group() + done, heads, worker);
    }
  }

  private void attendHeads(int firstRow, int count, int kvHead, int head, int heads, int worker) {
    int last = 0;
    int earliest = Integer.MAX_VALUE;
    for (int i = 0; i < count; i++) {
      last = Math.max(last, call.slots.position(firstRow + i));
      earliest = Math.min(earliest, call.firstSpan(firstRow + i));
    }
    int start = earliest * Kernels.SPAN_TOKENS;
    for (; start <= last; start += Kernels.SPAN_TOKENS) {
      for (int done = 0; done < count; ) {
        int wide = widen(worker, firstRow + done, count - done, kvHead, start);
        for (int end = done + Math.max(wide, 1); done < end; done++) {
          int row = firstRow + done;
          boolean first = start <= call.firstVisible(row);
          SpanSums into = folded[worker];
          if (wide > 0) {
            wideSpans[worker].attend(row, head, heads, start, into, done, first);
          } else {
            spans[worker].attend(call, row, kvHead, head, heads, start, into, done, first);
          }
        }
      }
    }
    for (int i = 0; i < count; i++) {
      for (int h = 0; h < heads; h++) {
        folded[worker].divide(i, h, call.out.data(), call.outOffset(firstRow + i, head + h));
      }
    }
  }

  private int widen(int worker, int firstRow, int count, int kvHead, int start) {
    WideSpan wide = wideSpans[worker];
    return wide == null ? 0 : wide.fill(call, firstRow, count, kvHead, start);
  }

  private void close(int worker) {
    if (wideSpans[worker] != null) {
      wideSpans[worker].close();
    }
  }

  @Override
  public void close() {
    for (int i = 0; i < wideSpans.length; i++) {
      close(i);
    }
  }
}
