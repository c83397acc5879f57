package io.moka.kernels.cpu.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.FloatMath;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.WorkerPool;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Attention over the cache. A piece is one row and one key/value head: all its query heads share
 * each key and value read. Keys and values lie in strips, so scores and sums are products of {@link
 * GroupProduct}: scores of 16 positions with the query heads as rows, then sums of 64 dimensions
 * with the probabilities as rows.
 */
final class AttentionJob implements WorkerPool.Job {
  private static final int TILE = StripProduct.MAX_ROWS;
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int BLOCK = KvCache.BLOCK_TOKENS;
  private static final int PARTIAL_SUMS = 16;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final Arena arena;
  private final StoreJob store = new StoreJob();
  private final SpanScratch[] spans;

  private Rows queries;
  private KvCache cache;
  private int layer;
  private SlotMap slots;
  private AttentionShape shape;
  private Rows out;

  AttentionJob(WorkerPool pool, Scratch[] scratch, Arena arena) {
    this.pool = pool;
    this.scratch = scratch;
    this.arena = arena;
    this.spans = new SpanScratch[scratch.length];
  }

  /** What one worker keeps of a span and of the spans before it, for up to eight query heads. */
  private static final class SpanScratch {
    final int headDim;
    final KvType type;

    /** [8, 512] scores, then probabilities. */
    final Rows scores;

    /** [8, d] of the span. */
    final Rows sums;

    /** [8, d] of all spans so far. */
    final Rows totals;

    final float[] spanMax = new float[TILE];
    final float[] spanSum = new float[TILE];
    final float[] max = new float[TILE];
    final float[] sum = new float[TILE];
    final float[] partial = new float[PARTIAL_SUMS];

    /** The values of one block, without what a row does not see. */
    final MemorySegment values;

    SpanScratch(Arena arena, KvCache cache, int headDim) {
      this.headDim = headDim;
      this.type = cache.type();
      values = arena.allocate(cache.valueStripBytes() * ((headDim + LANES - 1) / LANES), 64);
      scores = Rows.allocate(arena, TILE, Kernels.SPAN_TOKENS);
      sums = Rows.allocate(arena, TILE, headDim);
      totals = Rows.allocate(arena, TILE, headDim);
    }
  }

  void store(
      Rows keys,
      Rows values,
      KvCache into,
      int layerIndex,
      SlotMap slotMap,
      AttentionShape attentionShape,
      int rows) {
    store.keys = keys;
    store.values = values;
    store.cache = into;
    store.layer = layerIndex;
    store.slots = slotMap;
    store.shape = attentionShape;
    pool.run(rows, store);
  }

  void attend(
      Rows queryRows,
      KvCache from,
      int layerIndex,
      SlotMap slotMap,
      AttentionShape attentionShape,
      int rows,
      Rows result) {
    queries = queryRows;
    cache = from;
    layer = layerIndex;
    slots = slotMap;
    shape = attentionShape;
    out = result;
    for (int i = 0; i < spans.length; i++) {
      if (spans[i] == null
          || spans[i].headDim != shape.headDim()
          || spans[i].type != cache.type()) {
        spans[i] = new SpanScratch(arena, cache, shape.headDim());
      }
    }
    pool.run(rows * shape.kvHeads(), this);
  }

  @Override
  public void run(int piece, int worker) {
    int row = piece / shape.kvHeads();
    int kvHead = piece % shape.kvHeads();
    for (int done = 0; done < shape.group(); ) {
      int count = StripProduct.tileRows(shape.group() - done);
      attendHeads(row, kvHead, kvHead * shape.group() + done, count, worker);
      done += count;
    }
  }

  private void attendHeads(int row, int kvHead, int head, int count, int worker) {
    SpanScratch span = spans[worker];
    int position = slots.position(row);
    int first = Math.max(0, position - (shape.window() - 1));
    for (int start = first / Kernels.SPAN_TOKENS * Kernels.SPAN_TOKENS;
        start <= position;
        start += Kernels.SPAN_TOKENS) {
      int from = Math.max(first, start);
      int to = Math.min(position + 1, start + Kernels.SPAN_TOKENS);
      score(row, kvHead, head, count, start, from, to, worker);
      softmax(span, count, from - start, to - start);
      sumValues(row, kvHead, count, start, from, to, worker);
      fold(span, count, start <= first);
    }
    for (int i = 0; i < count; i++) {
      long at = out.offsetBytes(row) + (long) (head + i) * shape.headDim() * Float.BYTES;
      RowMath.divide(
          span.sum[i],
          span.totals.data(),
          span.totals.offsetBytes(i),
          out.data(),
          at,
          shape.headDim());
    }
  }

  /** scores[i][p - start] = q_i k_p / sqrt(d) for the positions in the blocks of [from, to). */
  private void score(
      int row, int kvHead, int head, int count, int start, int from, int to, int worker) {
    Scratch own = scratch[worker];
    Rows scores = spans[worker].scores;
    WeightFormat format = cache.type().format();
    MemorySegment data = cache.layer(layer);
    for (int i = 0; i < count; i++) {
      own.rows()[i] = queries.offsetBytes(row) + (long) (head + i) * shape.headDim() * Float.BYTES;
    }
    int end = (to + BLOCK - 1) / BLOCK;
    for (int block = from / BLOCK; block < end; ) {
      long keys = cache.keysOffset(blockOf(row, block), kvHead);
      int blocks = equallySpaced(row, kvHead, block, end);
      long step = 0;
      if (blocks > 1) {
        step = cache.keysOffset(blockOf(row, block + 1), kvHead) - keys;
      }
      GroupProduct.multiply(
          format, data, keys, step, blocks, shape.headDim(), queries.data(), count, own);
      for (int i = 0; i < count; i++) {
        long at = scores.offsetBytes(i) + (long) (block * BLOCK - start) * Float.BYTES;
        scale(own.sums(), i * StripProduct.ROW_BYTES, scores.data(), at, blocks * BLOCK);
      }
      block += blocks;
    }
  }

  private int blockOf(int row, int index) {
    return Shapes.block(slots, row, index, cache);
  }

  /**
   * How many blocks, 1, 2 or 4, can be taken as strips at equal distances, as neighbours in memory
   * can.
   */
  private int equallySpaced(int row, int kvHead, int block, int end) {
    if (block + 1 >= end) {
      return 1;
    }
    long first = cache.keysOffset(blockOf(row, block), kvHead);
    long step = cache.keysOffset(blockOf(row, block + 1), kvHead) - first;
    for (int i = 2; i < PackedMatrix.GROUP_STRIPS; i++) {
      if (block + i >= end
          || cache.keysOffset(blockOf(row, block + i), kvHead) != first + i * step) {
        return 2;
      }
    }
    return PackedMatrix.GROUP_STRIPS;
  }

  private void scale(MemorySegment sums, long from, MemorySegment scores, long to, int count) {
    for (int lane = 0; lane < count; lane += Lanes.COUNT) {
      long at = lane * (long) Float.BYTES;
      FloatVector.fromMemorySegment(Lanes.FLOATS, sums, from + at, Lanes.ORDER)
          .mul(shape.scale())
          .intoMemorySegment(scores, to + at, Lanes.ORDER);
    }
  }

  /**
   * Turns the scores of [from, to) into e^(score - max), and those beside them in their blocks into
   * zeros.
   */
  private static void softmax(SpanScratch span, int count, int from, int to) {
    int firstBlock = from / BLOCK * BLOCK;
    int end = (to + BLOCK - 1) / BLOCK * BLOCK;
    MemorySegment data = span.scores.data();
    for (int i = 0; i < count; i++) {
      long row = span.scores.offsetBytes(i);
      for (int p = firstBlock; p < from; p++) {
        data.set(JAVA_FLOAT, row + p * 4L, Float.NEGATIVE_INFINITY);
      }
      for (int p = to; p < end; p++) {
        data.set(JAVA_FLOAT, row + p * 4L, Float.NEGATIVE_INFINITY);
      }
      float max = max(data, row, firstBlock, end, span.partial);
      span.spanMax[i] = max;
      span.spanSum[i] = exponentials(data, row, firstBlock, end, max, span.partial);
    }
  }

  private static float max(MemorySegment data, long row, int from, int to, float[] partial) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector max = FloatVector.broadcast(Lanes.FLOATS, Float.NEGATIVE_INFINITY);
      for (int p = from + lane; p < to; p += LANES) {
        max =
            max.lanewise(
                VectorOperators.MAX,
                FloatVector.fromMemorySegment(Lanes.FLOATS, data, row + p * 4L, Lanes.ORDER));
      }
      max.intoArray(partial, lane);
    }
    float max = partial[0];
    for (int i = 1; i < PARTIAL_SUMS; i++) {
      max = Math.max(max, partial[i]);
    }
    return max;
  }

  /** e^(x - max) in place; their sum: position p in partial sum p mod 16, then a tree. */
  private static float exponentials(
      MemorySegment data, long row, int from, int to, float max, float[] partial) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector sum = FloatVector.zero(Lanes.FLOATS);
      for (int p = from + lane; p < to; p += LANES) {
        FloatVector score =
            FloatVector.fromMemorySegment(Lanes.FLOATS, data, row + p * 4L, Lanes.ORDER);
        FloatVector e = Lanes.exp(score.sub(max));
        e.intoMemorySegment(data, row + p * 4L, Lanes.ORDER);
        sum = sum.add(e);
      }
      sum.intoArray(partial, lane);
    }
    for (int width = PARTIAL_SUMS / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        partial[i] += partial[i + width];
      }
    }
    return partial[0];
  }

  /**
   * sums[i][c] = sum over p of probability_i(p) v_p[c]: p ascending within a block, blocks
   * ascending.
   */
  private void sumValues(int row, int kvHead, int count, int start, int from, int to, int worker) {
    SpanScratch span = spans[worker];
    for (int i = 0; i < count; i++) {
      RowMath.zero(span.sums.data(), span.sums.offsetBytes(i), shape.headDim());
    }
    for (int block = from / BLOCK; block * BLOCK < to; block++) {
      int first = Math.max(from - block * BLOCK, 0);
      int end = Math.min(to - block * BLOCK, BLOCK);
      long values = cache.valuesOffset(blockOf(row, block), kvHead);
      MemorySegment data = cache.layer(layer);
      if (first % 2 == 1 || end % 2 == 1) {
        copyValues(values, first, end, span.values);
        data = span.values;
        values = 0;
      }
      addBlock(data, values, first / 2, (end + 1) / 2, block * BLOCK - start, count, worker);
    }
  }

  /**
   * Copies the values of a block, with zeros beside its seen slots: the kernels take slots in
   * pairs, and what an unseen slot holds, a NaN of an earlier sequence even, must not count.
   */
  private void copyValues(long values, int first, int end, MemorySegment target) {
    MemorySegment.copy(cache.layer(layer), values, target, 0, target.byteSize());
    clearSlot(first - 1, target);
    clearSlot(end, target);
  }

  private void clearSlot(int slot, MemorySegment values) {
    if (slot >= 0 && slot < BLOCK) {
      long first = cache.valuesOffset(0, 0);
      for (int i = 0; i < shape.headDim(); i++) {
        cache.type().put(values, cache.valueOffset(0, 0, slot, i) - first, 0);
      }
    }
  }

  /**
   * Adds the pairs [firstPair, endPair) of a block, whose first slot is {@code column} of the
   * scores.
   */
  private void addBlock(
      MemorySegment data,
      long values,
      int firstPair,
      int endPair,
      int column,
      int count,
      int worker) {
    Scratch own = scratch[worker];
    SpanScratch span = spans[worker];
    WeightFormat format = cache.type().format();
    long stripBytes = cache.valueStripBytes();
    for (int i = 0; i < count; i++) {
      own.rows()[i] = span.scores.offsetBytes(i) + (column + 2L * firstPair) * Float.BYTES;
    }
    for (int first = 0; first < shape.headDim(); first += PackedMatrix.GROUP_ROWS) {
      int width = Math.min(PackedMatrix.GROUP_ROWS, shape.headDim() - first);
      int strips = (width + LANES - 1) / LANES;
      long strip =
          values + first / LANES * stripBytes + (long) firstPair * PackedMatrix.pairBytes(format);
      GroupProduct.multiply(
          format,
          data,
          strip,
          stripBytes,
          strips,
          2 * (endPair - firstPair),
          span.scores.data(),
          count,
          own);
      for (int i = 0; i < count; i++) {
        RowMath.add(
            own.sums(),
            i * StripProduct.ROW_BYTES,
            span.sums.data(),
            span.sums.offsetBytes(i) + first * 4L,
            width);
      }
    }
  }

  /** Adds a span to those before it, both brought to the larger maximum. */
  private void fold(SpanScratch span, int count, boolean first) {
    for (int i = 0; i < count; i++) {
      long from = span.sums.offsetBytes(i);
      long to = span.totals.offsetBytes(i);
      if (first) {
        span.max[i] = span.spanMax[i];
        span.sum[i] = span.spanSum[i];
        MemorySegment.copy(span.sums.data(), from, span.totals.data(), to, shape.headDim() * 4L);
        continue;
      }
      float max = Math.max(span.max[i], span.spanMax[i]);
      float keep = FloatMath.exp(span.max[i] - max);
      float take = FloatMath.exp(span.spanMax[i] - max);
      span.max[i] = max;
      span.sum[i] = Math.fma(take, span.spanSum[i], span.sum[i] * keep);
      RowMath.blend(keep, take, span.sums.data(), from, span.totals.data(), to, shape.headDim());
    }
  }

  /** Writes keys and values; a piece is one row. */
  private static final class StoreJob implements WorkerPool.Job {
    Rows keys;
    Rows values;
    KvCache cache;
    int layer;
    SlotMap slots;
    AttentionShape shape;

    @Override
    public void run(int row, int worker) {
      int position = slots.position(row);
      int block = Shapes.block(slots, row, position / BLOCK, cache);
      int slot = position % BLOCK;
      MemorySegment data = cache.layer(layer);
      for (int head = 0; head < shape.kvHeads(); head++) {
        long at = (long) head * shape.headDim() * Float.BYTES;
        for (int i = 0; i < shape.headDim(); i++) {
          float key = keys.data().get(JAVA_FLOAT, keys.offsetBytes(row) + at + i * 4L);
          float value = values.data().get(JAVA_FLOAT, values.offsetBytes(row) + at + i * 4L);
          cache.type().put(data, cache.keyOffset(block, head, slot, i), key);
          cache.type().put(data, cache.valueOffset(block, head, slot, i), value);
        }
      }
    }
  }
}
