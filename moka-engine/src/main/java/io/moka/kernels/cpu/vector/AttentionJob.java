package io.moka.kernels.cpu.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.FloatMath;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.WorkerPool;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Attention over the cache. A piece is some neighbouring rows and one key/value head: all its query
 * heads share each key and value read, and the rows follow each other within a span, whose keys and
 * values stay in the second-level cache meanwhile.
 */
final class AttentionJob implements WorkerPool.Job {
  /** Rows of a piece: their running sums leave the second-level cache to keys and values. */
  private static final int MOST_ROWS = 32;

  /** So many pieces for each thread keep it busy to the end of a job. */
  private static final int PIECES_PER_THREAD = 8;

  private static final int HEADS = SpanProducts.MAX_HEADS;
  private static final int BLOCK = KvCache.BLOCK_TOKENS;
  private static final int SPAN_BLOCKS = Kernels.SPAN_TOKENS / BLOCK;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final SpanProducts products;
  private final Arena arena;
  private final SpanScratch[] spans;

  private Rows queries;
  private KvCache cache;
  private int layer;
  private SlotMap slots;
  private AttentionShape shape;
  private int rows;
  private int pieceRows;
  private Rows out;

  AttentionJob(WorkerPool pool, Scratch[] scratch, SpanProducts products, Arena arena) {
    this.pool = pool;
    this.scratch = scratch;
    this.products = products;
    this.arena = arena;
    this.spans = new SpanScratch[scratch.length];
  }

  /** What one worker keeps of a span and of the spans before it, for up to eight query heads. */
  private static final class SpanScratch {
    final int headDim;
    final long blockBytes;

    /** Scores of a span, then probabilities, as {@link SpanProducts} lays them out. */
    final MemorySegment scores;

    /** [8, d] of the span. */
    final MemorySegment sums;

    /** [rows, 8, d] of all spans so far. */
    final MemorySegment totals;

    /** The values of one block, without what a row does not see. */
    final MemorySegment values;

    final long[] keyBlocks = new long[SPAN_BLOCKS];
    final long[] valueBlocks = new long[SPAN_BLOCKS];
    final float[] spanMax = new float[HEADS];
    final float[] spanSum = new float[HEADS];
    final float[] max = new float[MOST_ROWS * HEADS];
    final float[] sum = new float[MOST_ROWS * HEADS];

    SpanScratch(Arena arena, KvCache cache) {
      headDim = cache.headDim();
      blockBytes = cache.blockBytes();
      long headsBytes = HEADS * SpanProducts.sumsStride(headDim);
      int blocks = SPAN_BLOCKS + SpanProducts.SPARE_BLOCKS;
      scores = arena.allocate(blocks * (long) SpanProducts.SCORE_BLOCK_BYTES, 64);
      sums = arena.allocate(headsBytes, 64);
      totals = arena.allocate(MOST_ROWS * headsBytes, 64);
      values = arena.allocate(cache.valueStripBytes() * Math.ceilDiv(headDim, BLOCK), 64);
    }

    boolean fits(KvCache cache) {
      return headDim == cache.headDim() && blockBytes == cache.blockBytes();
    }
  }

  void attend(
      Rows queryRows,
      KvCache from,
      int layerIndex,
      SlotMap slotMap,
      AttentionShape attentionShape,
      int rowCount,
      Rows result) {
    queries = queryRows;
    cache = from;
    layer = layerIndex;
    slots = slotMap;
    shape = attentionShape;
    rows = rowCount;
    out = result;
    for (int i = 0; i < spans.length; i++) {
      if (spans[i] == null || !spans[i].fits(cache)) {
        spans[i] = new SpanScratch(arena, cache);
      }
    }
    int wanted = pool.threads() * PIECES_PER_THREAD;
    pieceRows = Math.clamp(rows * shape.kvHeads() / wanted, 1, MOST_ROWS);
    pool.run(Math.ceilDiv(rows, pieceRows) * shape.kvHeads(), this);
  }

  @Override
  public void run(int piece, int worker) {
    // the last rows see the most positions: they come first, so that no thread is left with them
    int first = (Math.ceilDiv(rows, pieceRows) - 1 - piece / shape.kvHeads()) * pieceRows;
    int count = Math.min(pieceRows, rows - first);
    int kvHead = piece % shape.kvHeads();
    for (int done = 0; done < shape.group(); done += HEADS) {
      int heads = Math.min(HEADS, shape.group() - done);
      attendHeads(first, count, kvHead, kvHead * shape.group() + done, heads, worker);
    }
  }

  private void attendHeads(int firstRow, int count, int kvHead, int head, int heads, int worker) {
    SpanScratch span = spans[worker];
    int last = 0;
    int earliest = Integer.MAX_VALUE;
    for (int i = 0; i < count; i++) {
      last = Math.max(last, slots.position(firstRow + i));
      earliest = Math.min(earliest, firstVisible(firstRow + i));
    }
    int start = earliest / Kernels.SPAN_TOKENS * Kernels.SPAN_TOKENS;
    for (; start <= last; start += Kernels.SPAN_TOKENS) {
      for (int i = 0; i < count; i++) {
        int row = firstRow + i;
        int from = Math.max(firstVisible(row), start);
        int to = Math.min(slots.position(row) + 1, start + Kernels.SPAN_TOKENS);
        if (from < to) {
          attendSpan(row, i, kvHead, head, heads, start, from, to, worker);
        }
      }
    }
    long stride = SpanProducts.sumsStride(shape.headDim());
    for (int i = 0; i < count; i++) {
      for (int h = 0; h < heads; h++) {
        long to = out.offsetBytes(firstRow + i) + (long) (head + h) * shape.headDim() * Float.BYTES;
        long from = (i * HEADS + h) * stride;
        float sum = span.sum[i * HEADS + h];
        RowMath.divide(sum, span.totals, from, out.data(), to, shape.headDim());
      }
    }
  }

  private int firstVisible(int row) {
    return Math.max(0, slots.position(row) - (shape.window() - 1));
  }

  /** Adds the positions [from, to), all of one span, to the totals of a row. */
  private void attendSpan(
      int row,
      int index,
      int kvHead,
      int head,
      int heads,
      int start,
      int from,
      int to,
      int worker) {
    SpanScratch span = spans[worker];
    int firstBlock = from / BLOCK;
    int blocks = Math.ceilDiv(to, BLOCK) - firstBlock;
    for (int i = 0; i < blocks; i++) {
      int block = Shapes.block(slots, row, firstBlock + i, cache);
      span.keyBlocks[i] = cache.keysOffset(block, kvHead);
      span.valueBlocks[i] = cache.valuesOffset(block, kvHead);
    }
    products.scores(
        cache,
        layer,
        span.keyBlocks,
        blocks,
        queries.data(),
        queries.offsetBytes(row) + (long) head * shape.headDim() * Float.BYTES,
        heads,
        shape.scale(),
        span.scores,
        0,
        scratch[worker]);
    int firstSlot = from - firstBlock * BLOCK;
    int endSlot = to - firstBlock * BLOCK;
    for (int i = 0; i < heads; i++) {
      long block = (long) i * SpanProducts.SCORE_BYTES;
      hide(span.scores, block, 0, firstSlot);
      block += (blocks - 1L) * SpanProducts.SCORE_BLOCK_BYTES;
      hide(span.scores, block, endSlot - (blocks - 1) * BLOCK, BLOCK);
    }
    products.softmax(span.scores, blocks, heads, span.spanMax, span.spanSum, scratch[worker]);
    sumValues(span, heads, firstSlot, endSlot, blocks, scratch[worker]);
    fold(span, index, heads, start <= firstVisible(row));
  }

  private static void hide(MemorySegment scores, long block, int from, int to) {
    for (int slot = from; slot < to; slot++) {
      scores.set(JAVA_FLOAT, block + slot * 4L, Float.NEGATIVE_INFINITY);
    }
  }

  /** sums = probabilities times values of the blocks, of which slots [first, end) are seen. */
  private void sumValues(SpanScratch span, int heads, int first, int end, int blocks, Scratch own) {
    span.sums.fill((byte) 0);
    for (int done = 0; done < blocks; ) {
      int from = Math.max(first - done * BLOCK, 0);
      int to = Math.min(end - done * BLOCK, BLOCK);
      int count = 1;
      MemorySegment data = cache.layer(layer);
      if (from > 0 || to < BLOCK) {
        cache.copySeenValues(layer, span.valueBlocks[done], from, to, span.values);
        span.valueBlocks[done] = 0;
        data = span.values;
      } else {
        // all whole blocks at once
        count = Math.max(end / BLOCK - done, 1);
      }
      products.addValues(
          cache,
          data,
          span.valueBlocks,
          done,
          count,
          span.scores,
          done * (long) SpanProducts.SCORE_BLOCK_BYTES,
          heads,
          span.sums,
          own);
      done += count;
    }
  }

  /** Adds a span to those before it, both brought to the larger maximum. */
  private void fold(SpanScratch span, int index, int heads, boolean first) {
    long stride = SpanProducts.sumsStride(shape.headDim());
    int width = shape.headDim();
    for (int i = 0; i < heads; i++) {
      int slot = index * HEADS + i;
      long from = i * stride;
      long to = slot * stride;
      if (first) {
        span.max[slot] = span.spanMax[i];
        span.sum[slot] = span.spanSum[i];
        MemorySegment.copy(span.sums, from, span.totals, to, (long) width * Float.BYTES);
        continue;
      }
      float max = Math.max(span.max[slot], span.spanMax[i]);
      float keep = FloatMath.exp(span.max[slot] - max);
      float take = FloatMath.exp(span.spanMax[i] - max);
      span.max[slot] = max;
      span.sum[slot] = Math.fma(take, span.spanSum[i], span.sum[slot] * keep);
      RowMath.blend(keep, take, span.sums, from, span.totals, to, width);
    }
  }
}
