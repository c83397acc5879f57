package io.moka.kernels.cpu.vector;

import io.moka.kernels.Activations;
import io.moka.kernels.KvCache;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.vector.StripProduct.StripFormat;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The products of attention on the Vector API. Keys and values lie in strips, so they are products
 * of {@link GroupProduct}: scores of 16 positions with the query heads as rows, then sums of 64
 * dimensions with the probabilities as rows.
 */
public final class VectorSpans implements SpanProducts {
  private final Activations activations;

  /**
   * Needs nothing of the machine.
   *
   * @param activations whether queries and probabilities are rounded
   */
  public VectorSpans(Activations activations) {
    this.activations = activations;
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
    long headBytes = (long) cache.headDim() * Float.BYTES;
    for (int i = 0; i < heads; i++) {
      scratch.rows()[i] = from + i * headBytes;
    }
    MemorySegment rows = rounded(cache, queries, cache.headDim(), heads, scratch);
    for (int block = 0; block < blocks; ) {
      int strips = equallySpaced(keys, block, blocks);
      long step = strips > 1 ? keys[block + 1] - keys[block] : 0;
      MemorySegment data = cache.layer(layer);
      if (cache.type().isFloat()) {
        multiply(cache, data, keys[block], step, strips, cache.headDim(), rows, heads, scratch);
      } else {
        MemorySegment panel = Q8Panel.keys(cache, data, keys[block], step, strips, scratch);
        multiplyFloats(panel, strips, cache.headDim(), rows, heads, scratch);
      }
      for (int s = 0; s < strips; s++) {
        for (int i = 0; i < heads; i++) {
          long at = to + (long) (block + s) * SCORE_BLOCK_BYTES + (long) i * SCORE_BYTES;
          long sums = i * StripProduct.ROW_BYTES + (long) s * SCORE_BYTES;
          scale(scratch.sums(), sums, scale, scores, at);
        }
      }
      block += strips;
    }
  }

  /** The rows of the scratch as they are, or rounded in memory of the scratch. */
  private MemorySegment rounded(
      KvCache cache, MemorySegment x, int columns, int count, Scratch scratch) {
    if (!activations.roundsToBf16(cache.type())) {
      return x;
    }
    long bytes = Bf16Row.bytes(columns);
    MemorySegment panel = scratch.panel(count * bytes);
    for (int i = 0; i < count; i++) {
      Bf16Row.round(x, scratch.rows()[i], columns, panel, i * bytes);
      scratch.rows()[i] = i * bytes;
    }
    return panel;
  }

  private void multiply(
      KvCache cache,
      MemorySegment data,
      long strip,
      long stripBytes,
      int strips,
      int columns,
      MemorySegment rows,
      int count,
      Scratch scratch) {
    WeightFormat format = cache.type().format();
    if (activations.roundsToBf16(format)) {
      GroupProduct.multiplyTiles(
          StripFormat.BF16_SWAPPED,
          data,
          strip,
          stripBytes,
          strips,
          columns / 2,
          rows,
          count,
          scratch);
    } else {
      GroupProduct.multiply(format, data, strip, stripBytes, strips, columns, rows, count, scratch);
    }
  }

  private static void multiplyFloats(
      MemorySegment panel, int strips, int columns, MemorySegment rows, int count, Scratch own) {
    long stripBytes = PackedMatrix.stripBytes(WeightFormat.F32, columns);
    GroupProduct.multiplyTiles(
        StripFormat.F32, panel, 0, stripBytes, strips, columns / 2, rows, count, own);
  }

  /**
   * How many blocks, 1, 2 or 4, can be taken as strips at equal distances, as neighbours in memory
   * can.
   */
  private static int equallySpaced(long[] keys, int block, int end) {
    if (block + 1 >= end) {
      return 1;
    }
    long step = keys[block + 1] - keys[block];
    for (int i = 2; i < PackedMatrix.GROUP_STRIPS; i++) {
      if (block + i >= end || keys[block + i] != keys[block] + i * step) {
        return 2;
      }
    }
    return PackedMatrix.GROUP_STRIPS;
  }

  private static void scale(
      MemorySegment sums, long from, float scale, MemorySegment scores, long to) {
    for (int lane = 0; lane < BLOCK; lane += Lanes.COUNT) {
      long at = lane * (long) Float.BYTES;
      FloatVector.fromMemorySegment(Lanes.FLOATS, sums, from + at, Lanes.ORDER)
          .mul(scale)
          .intoMemorySegment(scores, to + at, Lanes.ORDER);
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
    long stripBytes = cache.valueStripBytes();
    long sumsStride = SpanProducts.sumsStride(cache.headDim());
    for (int block = 0; block < blocks; block++) {
      for (int i = 0; i < heads; i++) {
        scratch.rows()[i] = from + (long) block * SCORE_BLOCK_BYTES + (long) i * SCORE_BYTES;
      }
      MemorySegment rows = rounded(cache, probabilities, BLOCK, heads, scratch);
      for (int first = 0; first < cache.headDim(); first += PackedMatrix.GROUP_ROWS) {
        int width = Math.min(PackedMatrix.GROUP_ROWS, cache.headDim() - first);
        long strip = values[firstBlock + block] + first / BLOCK * stripBytes;
        int strips = Math.ceilDiv(width, BLOCK);
        if (cache.type().isFloat()) {
          multiply(cache, data, strip, stripBytes, strips, BLOCK, rows, heads, scratch);
        } else {
          MemorySegment panel = Q8Panel.values(cache, data, strip, strips, scratch);
          multiplyFloats(panel, strips, BLOCK, rows, heads, scratch);
        }
        for (int i = 0; i < heads; i++) {
          RowMath.add(
              scratch.sums(), i * StripProduct.ROW_BYTES, sums, i * sumsStride + first * 4L, width);
        }
      }
    }
  }
}
