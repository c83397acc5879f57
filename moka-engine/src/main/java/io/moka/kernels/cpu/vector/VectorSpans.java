package io.moka.kernels.cpu.vector;

import io.moka.kernels.Activations;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.EnumMap;
import java.util.Map;

/**
 * The products of attention on the Vector API: blocks of the cache become panels of floats in the
 * first-level cache, which {@link SpanTiles} multiplies. Two blocks of keys, or one of values, are
 * decoded at a time.
 *
 * <pre>
 * floats for scores: panel [2, d, 16], queries [d, 8], results [2, 8, 16]
 * floats for values: panel [strips, 16, 16], probabilities [8, 16], sums [8, 16 * strips]
 * </pre>
 */
public final class VectorSpans implements SpanProducts {
  /** Floats of a block of scores or probabilities. */
  private static final int SCORES = MAX_HEADS * BLOCK;

  /** Floats of a strip of values. */
  private static final int STRIP = BLOCK * BLOCK;

  /** Blocks of keys that are decoded together. */
  private static final int PAIR = 2;

  private static final int TILE_HEADS = StripProduct.MANY_REGISTERS ? 8 : 4;

  /** Lanes of a tile. */
  private static final int TILE_LANES = 2 * Lanes.COUNT;

  private final Activations activations;
  private final Map<KvType, SpanPanel> panels = new EnumMap<>(KvType.class);

  /**
   * Needs nothing of the machine.
   *
   * @param activations whether queries and probabilities are rounded
   */
  public VectorSpans(Activations activations) {
    this.activations = activations;
    for (KvType type : KvType.values()) {
      panels.put(type, SpanPanel.of(type, activations.roundsToBf16(type)));
    }
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
    SpanPanel panel = panels.get(cache.type());
    boolean swapped = activations.roundsToBf16(cache.type());
    MemorySegment data = cache.layer(layer);
    int d = cache.headDim();
    int strip = BLOCK * d;
    int x = PAIR * strip;
    int results = x + d * MAX_HEADS;
    int spare = results + PAIR * SCORES;
    float[] floats = scratch.floats(spare + BLOCK);
    short[] raw = scratch.shorts(PAIR * strip);
    // where there is no copy to be made, tiles make one of what does not matter
    boolean copies = panel.copiesAhead();
    MemorySegment ahead = copies ? data : scratch.panel(strip * (long) Short.BYTES);
    for (int i = 0; i < heads; i++) {
      copyQuery(swapped, queries, from + i * 4L * d, d, floats, x + i, scratch);
    }
    for (int b = 0; copies && b < PAIR; b++) {
      long key = keys[Math.min(b, blocks - 1)];
      MemorySegment.copy(data, ValueLayout.JAVA_SHORT, key, raw, b * strip, strip);
    }
    for (int block = 0; block < blocks; block += PAIR) {
      int count = Math.min(PAIR, blocks - block);
      for (int b = 0; b < count; b++) {
        panel.keys(data, keys[block + b], raw, d, floats, b * strip, spare);
      }
      // those after the last are copied for nothing
      long next0 = copies ? keys[Math.min(block + PAIR, blocks - 1)] : 0;
      long next1 = copies ? keys[Math.min(block + PAIR + 1, blocks - 1)] : 0;
      for (int first = 0; first < heads; first += TILE_HEADS) {
        scoreTiles(heads - first, d, scale, floats, first, count, ahead, next0, next1, raw);
      }
      for (int b = 0; b < count; b++) {
        long out = to + (long) (block + b) * SCORE_BLOCK_BYTES;
        MemorySegment.copy(
            floats, results + b * SCORES, scores, ValueLayout.JAVA_FLOAT, out, heads * BLOCK);
      }
    }
  }

  /**
   * A query becomes a column of the queries, rounded and its pairs swapped where those of keys are.
   */
  private static void copyQuery(
      boolean swapped,
      MemorySegment queries,
      long from,
      int d,
      float[] floats,
      int to,
      Scratch scratch) {
    MemorySegment row = queries;
    long at = from;
    if (swapped) {
      row = scratch.panel(Bf16Row.bytes(d));
      at = 0;
      Bf16Row.round(queries, from, d, row, 0);
    }
    // through the panel, which is free: plain loads of an array need no checks
    MemorySegment.copy(row, ValueLayout.JAVA_FLOAT, at, floats, 0, d);
    for (int c = 0; c < d; c++) {
      floats[to + c * MAX_HEADS] = floats[c];
    }
  }

  /** Scores of all positions of one or two blocks with the heads of a tile. */
  private static void scoreTiles(
      int heads,
      int d,
      float scale,
      float[] floats,
      int first,
      int blocks,
      MemorySegment data,
      long next0,
      long next1,
      short[] raw) {
    int strip = BLOCK * d;
    int x = PAIR * strip + first;
    int results = PAIR * strip + d * MAX_HEADS + first * BLOCK;
    for (int lane = 0; lane < blocks * BLOCK; lane += TILE_LANES) {
      // without a second block the tile takes what was in its panel: its results are scratch
      int twin = lane + Lanes.COUNT;
      int w0 = lane / BLOCK * strip + lane % BLOCK;
      int w1 = twin / BLOCK * strip + twin % BLOCK;
      int to0 = results + lane / BLOCK * SCORES + lane % BLOCK;
      int to1 = results + twin / BLOCK * SCORES + twin % BLOCK;
      int raw0 = lane / 2 * d;
      long from0 = next0 + raw0 * (long) Short.BYTES;
      long from1 = next1 + raw0 * (long) Short.BYTES;
      if (TILE_HEADS == 8 && heads > 4) {
        SpanTiles.scores8x2(
            floats, w0, w1, d, x, scale, to0, to1, data, from0, from1, raw, raw0, raw0 + strip);
      } else {
        SpanTiles.scores4x2(
            floats, w0, w1, d, x, scale, to0, to1, data, from0, from1, raw, raw0, raw0 + strip);
      }
    }
  }

  @Override
  public void softmax(
      MemorySegment scores,
      int blocks,
      int heads,
      float[] maxima,
      float[] totals,
      Scratch scratch) {
    SpanSoftmax.run(scores, blocks, heads, maxima, totals, scratch.partial());
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
    SpanPanel panel = panels.get(cache.type());
    boolean swapped = activations.roundsToBf16(cache.type());
    int strips = Math.ceilDiv(cache.headDim(), BLOCK);
    int block = strips * STRIP;
    // an odd last strip is multiplied with what comes after it: its twin's sums are scratch
    int width = (strips + 1) / 2 * 2 * BLOCK;
    int x = width * BLOCK;
    int out = x + SCORES;
    int spare = out + MAX_HEADS * width;
    float[] floats = scratch.floats(spare + BLOCK);
    short[] raw = scratch.shorts(x);
    boolean copies = panel.copiesAhead();
    MemorySegment ahead = copies ? data : scratch.panel(x * (long) Short.BYTES);
    for (int i = 0; i < heads; i++) {
      long sum = i * SpanProducts.sumsStride(cache.headDim());
      MemorySegment.copy(
          sums, ValueLayout.JAVA_FLOAT, sum, floats, out + i * width, strips * BLOCK);
    }
    // fewer strips than a tile copies
    boolean alone = strips * BLOCK < TILE_LANES;
    for (int b = 0; b < blocks; b++) {
      long value = values[firstBlock + b];
      if (copies && (b == 0 || alone)) {
        MemorySegment.copy(data, ValueLayout.JAVA_SHORT, value, raw, 0, block);
      }
      panel.values(data, value, raw, strips, floats, spare);
      copyProbabilities(
          swapped, probabilities, from + (long) b * SCORE_BLOCK_BYTES, heads, floats, x, scratch);
      long next = copies ? values[firstBlock + Math.min(b + 1, blocks - 1)] : 0;
      for (int first = 0; first < heads; first += TILE_HEADS) {
        valueTiles(heads - first, strips, floats, first, ahead, next, raw, scratch);
      }
    }
    for (int i = 0; i < heads; i++) {
      long sum = i * SpanProducts.sumsStride(cache.headDim());
      MemorySegment.copy(
          floats, out + i * width, sums, ValueLayout.JAVA_FLOAT, sum, strips * BLOCK);
    }
  }

  private static void copyProbabilities(
      boolean swapped,
      MemorySegment probabilities,
      long from,
      int heads,
      float[] floats,
      int to,
      Scratch scratch) {
    MemorySegment rows = probabilities;
    long at = from;
    if (swapped) {
      rows = scratch.panel(SCORE_BLOCK_BYTES);
      at = 0;
      Bf16Row.round(probabilities, from, heads * BLOCK, rows, 0);
    }
    MemorySegment.copy(rows, ValueLayout.JAVA_FLOAT, at, floats, to, heads * BLOCK);
  }

  /** Adds all dimensions of a block to the sums of a tile's heads. */
  private static void valueTiles(
      int heads,
      int strips,
      float[] floats,
      int first,
      MemorySegment data,
      long next,
      short[] raw,
      Scratch scratch) {
    int width = (strips + 1) / 2 * 2 * BLOCK;
    int x = width * BLOCK + first * BLOCK;
    int sums = width * BLOCK + SCORES + first * width;
    for (int lane = 0; lane < strips * BLOCK; lane += TILE_LANES) {
      int twin = lane + Lanes.COUNT;
      int w0 = lane / BLOCK * STRIP + lane % BLOCK;
      int w1 = twin / BLOCK * STRIP + twin % BLOCK;
      // a last strip alone: the one before it is copied again
      int rawTo = Math.min(lane, strips * BLOCK - TILE_LANES) * BLOCK;
      MemorySegment from = data;
      long fromAt = next + rawTo * (long) Short.BYTES;
      if (rawTo < 0) {
        from = scratch.sums();
        fromAt = 0;
        rawTo = 0;
      }
      if (TILE_HEADS == 8 && heads > 4) {
        SpanTiles.values8x2(
            floats, w0, w1, x, sums + lane, sums + twin, width, from, fromAt, raw, rawTo);
      } else {
        SpanTiles.values4x2(
            floats, w0, w1, x, sums + lane, sums + twin, width, from, fromAt, raw, rawTo);
      }
    }
  }
}
