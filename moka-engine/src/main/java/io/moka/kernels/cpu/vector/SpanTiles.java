package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.BYTES;
import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.HALF_WIDTH;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static io.moka.kernels.cpu.Lanes.SHORTS;

import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.ShortVector;

/**
 * Query heads by two vectors of keys or values, all floats of one array: C2 checks an array's
 * bounds once for a loop, those of a segment in each step. While a tile multiplies it copies what
 * comes next out of memory, a step's share in each step, so that memory is not waited for: Java has
 * no prefetch. Each size is written out, since sums stay in registers only as variables of one
 * method.
 *
 * <pre>
 * weights  column c at w + 16 c: a vector of the 16 lanes of a strip
 * next     where the copies begin, in bytes
 * raw      takes the copies
 * </pre>
 */
final class SpanTiles {
  private static final int BLOCK = SpanProducts.BLOCK;
  private static final int HEADS = SpanProducts.MAX_HEADS;

  /** Shorts of a vector, and of half of one. */
  private static final int ALL_SHORTS = 2 * Lanes.COUNT;

  private static final int HALF_SHORTS = Lanes.COUNT;

  private static final long HALF_BYTES = BYTES / 2;

  private SpanTiles() {}

  /**
   * {@code m[to + 16 i] = scale * sum over c of m[x + 8 c + i] weight[c]}; each step copies half a
   * vector of each of two blocks.
   */
  static void scores8x2(
      float[] m,
      int w0,
      int w1,
      int columns,
      int x,
      float scale,
      int to0,
      int to1,
      MemorySegment next,
      long next0,
      long next1,
      short[] raw,
      int raw0,
      int raw1) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    FloatVector sum40 = FloatVector.zero(FLOATS);
    FloatVector sum41 = FloatVector.zero(FLOATS);
    FloatVector sum50 = FloatVector.zero(FLOATS);
    FloatVector sum51 = FloatVector.zero(FLOATS);
    FloatVector sum60 = FloatVector.zero(FLOATS);
    FloatVector sum61 = FloatVector.zero(FLOATS);
    FloatVector sum70 = FloatVector.zero(FLOATS);
    FloatVector sum71 = FloatVector.zero(FLOATS);
    for (int c = 0; c < columns; c++) {
      ShortVector.fromMemorySegment(HALF_WIDTH, next, next0 + c * HALF_BYTES, ORDER)
          .intoArray(raw, raw0 + c * HALF_SHORTS);
      ShortVector.fromMemorySegment(HALF_WIDTH, next, next1 + c * HALF_BYTES, ORDER)
          .intoArray(raw, raw1 + c * HALF_SHORTS);
      FloatVector weight0 = FloatVector.fromArray(FLOATS, m, w0 + c * BLOCK);
      FloatVector weight1 = FloatVector.fromArray(FLOATS, m, w1 + c * BLOCK);
      FloatVector value0 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 0]);
      sum00 = weight0.fma(value0, sum00);
      sum01 = weight1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 1]);
      sum10 = weight0.fma(value1, sum10);
      sum11 = weight1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 2]);
      sum20 = weight0.fma(value2, sum20);
      sum21 = weight1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 3]);
      sum30 = weight0.fma(value3, sum30);
      sum31 = weight1.fma(value3, sum31);
      FloatVector value4 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 4]);
      sum40 = weight0.fma(value4, sum40);
      sum41 = weight1.fma(value4, sum41);
      FloatVector value5 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 5]);
      sum50 = weight0.fma(value5, sum50);
      sum51 = weight1.fma(value5, sum51);
      FloatVector value6 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 6]);
      sum60 = weight0.fma(value6, sum60);
      sum61 = weight1.fma(value6, sum61);
      FloatVector value7 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 7]);
      sum70 = weight0.fma(value7, sum70);
      sum71 = weight1.fma(value7, sum71);
    }
    sum00.mul(scale).intoArray(m, to0 + 0 * BLOCK);
    sum01.mul(scale).intoArray(m, to1 + 0 * BLOCK);
    sum10.mul(scale).intoArray(m, to0 + 1 * BLOCK);
    sum11.mul(scale).intoArray(m, to1 + 1 * BLOCK);
    sum20.mul(scale).intoArray(m, to0 + 2 * BLOCK);
    sum21.mul(scale).intoArray(m, to1 + 2 * BLOCK);
    sum30.mul(scale).intoArray(m, to0 + 3 * BLOCK);
    sum31.mul(scale).intoArray(m, to1 + 3 * BLOCK);
    sum40.mul(scale).intoArray(m, to0 + 4 * BLOCK);
    sum41.mul(scale).intoArray(m, to1 + 4 * BLOCK);
    sum50.mul(scale).intoArray(m, to0 + 5 * BLOCK);
    sum51.mul(scale).intoArray(m, to1 + 5 * BLOCK);
    sum60.mul(scale).intoArray(m, to0 + 6 * BLOCK);
    sum61.mul(scale).intoArray(m, to1 + 6 * BLOCK);
    sum70.mul(scale).intoArray(m, to0 + 7 * BLOCK);
    sum71.mul(scale).intoArray(m, to1 + 7 * BLOCK);
  }

  /** As above, for four heads. */
  static void scores4x2(
      float[] m,
      int w0,
      int w1,
      int columns,
      int x,
      float scale,
      int to0,
      int to1,
      MemorySegment next,
      long next0,
      long next1,
      short[] raw,
      int raw0,
      int raw1) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    for (int c = 0; c < columns; c++) {
      ShortVector.fromMemorySegment(HALF_WIDTH, next, next0 + c * HALF_BYTES, ORDER)
          .intoArray(raw, raw0 + c * HALF_SHORTS);
      ShortVector.fromMemorySegment(HALF_WIDTH, next, next1 + c * HALF_BYTES, ORDER)
          .intoArray(raw, raw1 + c * HALF_SHORTS);
      FloatVector weight0 = FloatVector.fromArray(FLOATS, m, w0 + c * BLOCK);
      FloatVector weight1 = FloatVector.fromArray(FLOATS, m, w1 + c * BLOCK);
      FloatVector value0 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 0]);
      sum00 = weight0.fma(value0, sum00);
      sum01 = weight1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 1]);
      sum10 = weight0.fma(value1, sum10);
      sum11 = weight1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 2]);
      sum20 = weight0.fma(value2, sum20);
      sum21 = weight1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, m[x + c * HEADS + 3]);
      sum30 = weight0.fma(value3, sum30);
      sum31 = weight1.fma(value3, sum31);
    }
    sum00.mul(scale).intoArray(m, to0 + 0 * BLOCK);
    sum01.mul(scale).intoArray(m, to1 + 0 * BLOCK);
    sum10.mul(scale).intoArray(m, to0 + 1 * BLOCK);
    sum11.mul(scale).intoArray(m, to1 + 1 * BLOCK);
    sum20.mul(scale).intoArray(m, to0 + 2 * BLOCK);
    sum21.mul(scale).intoArray(m, to1 + 2 * BLOCK);
    sum30.mul(scale).intoArray(m, to0 + 3 * BLOCK);
    sum31.mul(scale).intoArray(m, to1 + 3 * BLOCK);
  }

  /**
   * {@code m[to + stride i] += sum over p of m[x + 16 i + p] weight[p]}; each step copies a vector.
   */
  static void values8x2(
      float[] m,
      int w0,
      int w1,
      int x,
      int to0,
      int to1,
      int stride,
      MemorySegment next,
      long nextFrom,
      short[] raw,
      int rawTo) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    FloatVector sum40 = FloatVector.zero(FLOATS);
    FloatVector sum41 = FloatVector.zero(FLOATS);
    FloatVector sum50 = FloatVector.zero(FLOATS);
    FloatVector sum51 = FloatVector.zero(FLOATS);
    FloatVector sum60 = FloatVector.zero(FLOATS);
    FloatVector sum61 = FloatVector.zero(FLOATS);
    FloatVector sum70 = FloatVector.zero(FLOATS);
    FloatVector sum71 = FloatVector.zero(FLOATS);
    for (int c = 0; c < BLOCK; c++) {
      ShortVector.fromMemorySegment(SHORTS, next, nextFrom + c * BYTES, ORDER)
          .intoArray(raw, rawTo + c * ALL_SHORTS);
      FloatVector weight0 = FloatVector.fromArray(FLOATS, m, w0 + c * BLOCK);
      FloatVector weight1 = FloatVector.fromArray(FLOATS, m, w1 + c * BLOCK);
      FloatVector value0 = FloatVector.broadcast(FLOATS, m[x + c + 0 * BLOCK]);
      sum00 = weight0.fma(value0, sum00);
      sum01 = weight1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, m[x + c + 1 * BLOCK]);
      sum10 = weight0.fma(value1, sum10);
      sum11 = weight1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, m[x + c + 2 * BLOCK]);
      sum20 = weight0.fma(value2, sum20);
      sum21 = weight1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, m[x + c + 3 * BLOCK]);
      sum30 = weight0.fma(value3, sum30);
      sum31 = weight1.fma(value3, sum31);
      FloatVector value4 = FloatVector.broadcast(FLOATS, m[x + c + 4 * BLOCK]);
      sum40 = weight0.fma(value4, sum40);
      sum41 = weight1.fma(value4, sum41);
      FloatVector value5 = FloatVector.broadcast(FLOATS, m[x + c + 5 * BLOCK]);
      sum50 = weight0.fma(value5, sum50);
      sum51 = weight1.fma(value5, sum51);
      FloatVector value6 = FloatVector.broadcast(FLOATS, m[x + c + 6 * BLOCK]);
      sum60 = weight0.fma(value6, sum60);
      sum61 = weight1.fma(value6, sum61);
      FloatVector value7 = FloatVector.broadcast(FLOATS, m[x + c + 7 * BLOCK]);
      sum70 = weight0.fma(value7, sum70);
      sum71 = weight1.fma(value7, sum71);
    }
    FloatVector.fromArray(FLOATS, m, to0 + 0 * stride).add(sum00).intoArray(m, to0 + 0 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 0 * stride).add(sum01).intoArray(m, to1 + 0 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 1 * stride).add(sum10).intoArray(m, to0 + 1 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 1 * stride).add(sum11).intoArray(m, to1 + 1 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 2 * stride).add(sum20).intoArray(m, to0 + 2 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 2 * stride).add(sum21).intoArray(m, to1 + 2 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 3 * stride).add(sum30).intoArray(m, to0 + 3 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 3 * stride).add(sum31).intoArray(m, to1 + 3 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 4 * stride).add(sum40).intoArray(m, to0 + 4 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 4 * stride).add(sum41).intoArray(m, to1 + 4 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 5 * stride).add(sum50).intoArray(m, to0 + 5 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 5 * stride).add(sum51).intoArray(m, to1 + 5 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 6 * stride).add(sum60).intoArray(m, to0 + 6 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 6 * stride).add(sum61).intoArray(m, to1 + 6 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 7 * stride).add(sum70).intoArray(m, to0 + 7 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 7 * stride).add(sum71).intoArray(m, to1 + 7 * stride);
  }

  /** As above, for four heads. */
  static void values4x2(
      float[] m,
      int w0,
      int w1,
      int x,
      int to0,
      int to1,
      int stride,
      MemorySegment next,
      long nextFrom,
      short[] raw,
      int rawTo) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    for (int c = 0; c < BLOCK; c++) {
      ShortVector.fromMemorySegment(SHORTS, next, nextFrom + c * BYTES, ORDER)
          .intoArray(raw, rawTo + c * ALL_SHORTS);
      FloatVector weight0 = FloatVector.fromArray(FLOATS, m, w0 + c * BLOCK);
      FloatVector weight1 = FloatVector.fromArray(FLOATS, m, w1 + c * BLOCK);
      FloatVector value0 = FloatVector.broadcast(FLOATS, m[x + c + 0 * BLOCK]);
      sum00 = weight0.fma(value0, sum00);
      sum01 = weight1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, m[x + c + 1 * BLOCK]);
      sum10 = weight0.fma(value1, sum10);
      sum11 = weight1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, m[x + c + 2 * BLOCK]);
      sum20 = weight0.fma(value2, sum20);
      sum21 = weight1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, m[x + c + 3 * BLOCK]);
      sum30 = weight0.fma(value3, sum30);
      sum31 = weight1.fma(value3, sum31);
    }
    FloatVector.fromArray(FLOATS, m, to0 + 0 * stride).add(sum00).intoArray(m, to0 + 0 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 0 * stride).add(sum01).intoArray(m, to1 + 0 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 1 * stride).add(sum10).intoArray(m, to0 + 1 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 1 * stride).add(sum11).intoArray(m, to1 + 1 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 2 * stride).add(sum20).intoArray(m, to0 + 2 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 2 * stride).add(sum21).intoArray(m, to1 + 2 * stride);
    FloatVector.fromArray(FLOATS, m, to0 + 3 * stride).add(sum30).intoArray(m, to0 + 3 * stride);
    FloatVector.fromArray(FLOATS, m, to1 + 3 * stride).add(sum31).intoArray(m, to1 + 3 * stride);
  }
}
