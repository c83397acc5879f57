package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.INTS;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Lanes;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The product of a few rows with strips of a packed matrix: {@code sums[i][r] = sum over c of
 * x_i[c] w[r][c]}, one fused multiply-add after the other over ascending c. Everything heavy in a
 * forward pass is this sum.
 *
 * <p>A tile of rows by vectors keeps its sums in registers. Eight rows by two vectors come near the
 * peak of arithmetic; one row by four vectors reads four streams, which fills the memory channels.
 * Two things keep C2's inliner from giving up half-way (it then boxes every vector): the two
 * columns of a pair are an inner loop, not twice the code, and one decoding serves all formats that
 * need no arithmetic.
 */
final class StripProduct {
  /** Rows that one call takes at most. */
  static final int MAX_ROWS = 8;

  /** Bytes of a row of sums: one float for each row of a group. */
  static final long ROW_BYTES = GroupProducts.SUM_BYTES;

  /** Sixteen registers, as below AVX-512, hold no more than four rows by two vectors. */
  static final boolean MANY_REGISTERS = Lanes.COUNT == 16;

  private StripProduct() {}

  /**
   * How strips hold their numbers: number = (word at pair * pairBytes + half * halfBytes, shifted
   * left by {@code shift}, in the second half by {@code step} more) & mask, read as a float.
   */
  record StripFormat(int pairBytes, int halfBytes, int shift, int step, int mask) {
    static final StripFormat F32 = new StripFormat(128, 64, 0, 0, -1);
    static final StripFormat BF16 = new StripFormat(64, 0, 16, -16, 0xFFFF0000);

    /** The odd column of a pair first: for rows whose pairs are swapped. */
    static final StripFormat BF16_SWAPPED = new StripFormat(64, 0, 0, 16, 0xFFFF0000);
  }

  /**
   * How many of some rows the next call should take.
   *
   * @param remaining rows left
   * @return at most {@link #MAX_ROWS}
   */
  static int tileRows(int remaining) {
    return remaining >= 7 ? Math.min(remaining, 8) : Math.min(remaining, 4);
  }

  /**
   * Multiplies up to eight rows with some strips.
   *
   * @param format how the strips hold their numbers
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param pairs pairs of columns
   * @param x memory of the rows
   * @param rows where each row begins, in bytes
   * @param first the first row to take
   * @param count rows, as {@link #tileRows} says
   * @param sums [rows, 64]; rows up to the next multiple of eight are scratch
   */
  static void multiply(
      StripFormat format,
      MemorySegment weights,
      long strip,
      long stripBytes,
      int strips,
      int pairs,
      MemorySegment x,
      long[] rows,
      int first,
      int count,
      MemorySegment sums) {
    int vectors = strips * PackedMatrix.STRIP_ROWS / Lanes.COUNT;
    // missing rows repeat the last; their sums are scratch
    int last = first + count - 1;
    long x0 = rows[first];
    long x1 = rows[Math.min(first + 1, last)];
    long x2 = rows[Math.min(first + 2, last)];
    long x3 = rows[Math.min(first + 3, last)];
    long to = first * ROW_BYTES;
    int v = 0;
    if (count <= 2 || count <= 4 && MANY_REGISTERS) {
      for (; v <= vectors - 4; v += 4) {
        long w0 = strip + vectorOffset(v, stripBytes);
        long w1 = strip + vectorOffset(v + 1, stripBytes);
        long w2 = strip + vectorOffset(v + 2, stripBytes);
        long w3 = strip + vectorOffset(v + 3, stripBytes);
        long at = to + (long) v * Lanes.BYTES;
        switch (count) {
          case 1 -> tile1x4(format, weights, w0, w1, w2, w3, pairs, x, x0, sums, at);
          case 2 -> tile2x4(format, weights, w0, w1, w2, w3, pairs, x, x0, x1, sums, at);
          default -> tile4x4(format, weights, w0, w1, w2, w3, pairs, x, x0, x1, x2, x3, sums, at);
        }
      }
    }
    for (; v < vectors; v += 2) {
      long w0 = strip + vectorOffset(v, stripBytes);
      // a lone last vector is multiplied twice; its twin's sums are scratch
      long w1 = v + 1 < vectors ? strip + vectorOffset(v + 1, stripBytes) : w0;
      long at = to + (long) v * Lanes.BYTES;
      if (count <= 4) {
        tile4x2(format, weights, w0, w1, pairs, x, x0, x1, x2, x3, sums, at);
        continue;
      }
      long x4 = rows[first + 4];
      long x5 = rows[Math.min(first + 5, last)];
      long x6 = rows[Math.min(first + 6, last)];
      long x7 = rows[Math.min(first + 7, last)];
      if (MANY_REGISTERS) {
        tile8x2(format, weights, w0, w1, pairs, x, x0, x1, x2, x3, x4, x5, x6, x7, sums, at);
      } else {
        tile4x2(format, weights, w0, w1, pairs, x, x0, x1, x2, x3, sums, at);
        tile4x2(format, weights, w0, w1, pairs, x, x4, x5, x6, x7, sums, at + 4 * ROW_BYTES);
      }
    }
  }

  /** Where vector v of a group begins: narrow vectors take a strip in parts. */
  private static long vectorOffset(int v, long stripBytes) {
    int row = v * Lanes.COUNT;
    return row / PackedMatrix.STRIP_ROWS * stripBytes
        + row % PackedMatrix.STRIP_ROWS * (long) Float.BYTES;
  }

  private static FloatVector decode(MemorySegment weights, long offset, int shift, IntVector mask) {
    return IntVector.fromMemorySegment(INTS, weights, offset, ORDER)
        .lanewise(VectorOperators.LSHL, shift)
        .and(mask)
        .reinterpretAsFloats();
  }

  /** Eight rows by two vectors of weights. */
  private static void tile8x2(
      StripFormat format,
      MemorySegment weights,
      long w0,
      long w1,
      int pairs,
      MemorySegment x,
      long x0,
      long x1,
      long x2,
      long x3,
      long x4,
      long x5,
      long x6,
      long x7,
      MemorySegment sums,
      long to) {
    int pairBytes = format.pairBytes();
    int halfBytes = format.halfBytes();
    int shift = format.shift();
    int step = format.step();
    IntVector mask = IntVector.broadcast(INTS, format.mask());
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
    for (int pair = 0; pair < pairs; pair++) {
      for (int half = 0; half < 2; half++) {
        long at = (long) pair * pairBytes + half * halfBytes;
        int left = shift + step * half;
        long column = pair * 8L + half * 4L;
        FloatVector weight0 = decode(weights, w0 + at, left, mask);
        FloatVector weight1 = decode(weights, w1 + at, left, mask);
        FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + column));
        sum00 = weight0.fma(value0, sum00);
        sum01 = weight1.fma(value0, sum01);
        FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + column));
        sum10 = weight0.fma(value1, sum10);
        sum11 = weight1.fma(value1, sum11);
        FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x2 + column));
        sum20 = weight0.fma(value2, sum20);
        sum21 = weight1.fma(value2, sum21);
        FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x3 + column));
        sum30 = weight0.fma(value3, sum30);
        sum31 = weight1.fma(value3, sum31);
        FloatVector value4 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x4 + column));
        sum40 = weight0.fma(value4, sum40);
        sum41 = weight1.fma(value4, sum41);
        FloatVector value5 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x5 + column));
        sum50 = weight0.fma(value5, sum50);
        sum51 = weight1.fma(value5, sum51);
        FloatVector value6 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x6 + column));
        sum60 = weight0.fma(value6, sum60);
        sum61 = weight1.fma(value6, sum61);
        FloatVector value7 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x7 + column));
        sum70 = weight0.fma(value7, sum70);
        sum71 = weight1.fma(value7, sum71);
      }
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum20.intoMemorySegment(sums, to + 2 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum21.intoMemorySegment(sums, to + 2 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum30.intoMemorySegment(sums, to + 3 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum31.intoMemorySegment(sums, to + 3 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum40.intoMemorySegment(sums, to + 4 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum41.intoMemorySegment(sums, to + 4 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum50.intoMemorySegment(sums, to + 5 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum51.intoMemorySegment(sums, to + 5 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum60.intoMemorySegment(sums, to + 6 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum61.intoMemorySegment(sums, to + 6 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum70.intoMemorySegment(sums, to + 7 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum71.intoMemorySegment(sums, to + 7 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
  }

  /** Four rows by two vectors of weights. */
  private static void tile4x2(
      StripFormat format,
      MemorySegment weights,
      long w0,
      long w1,
      int pairs,
      MemorySegment x,
      long x0,
      long x1,
      long x2,
      long x3,
      MemorySegment sums,
      long to) {
    int pairBytes = format.pairBytes();
    int halfBytes = format.halfBytes();
    int shift = format.shift();
    int step = format.step();
    IntVector mask = IntVector.broadcast(INTS, format.mask());
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    for (int pair = 0; pair < pairs; pair++) {
      for (int half = 0; half < 2; half++) {
        long at = (long) pair * pairBytes + half * halfBytes;
        int left = shift + step * half;
        long column = pair * 8L + half * 4L;
        FloatVector weight0 = decode(weights, w0 + at, left, mask);
        FloatVector weight1 = decode(weights, w1 + at, left, mask);
        FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + column));
        sum00 = weight0.fma(value0, sum00);
        sum01 = weight1.fma(value0, sum01);
        FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + column));
        sum10 = weight0.fma(value1, sum10);
        sum11 = weight1.fma(value1, sum11);
        FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x2 + column));
        sum20 = weight0.fma(value2, sum20);
        sum21 = weight1.fma(value2, sum21);
        FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x3 + column));
        sum30 = weight0.fma(value3, sum30);
        sum31 = weight1.fma(value3, sum31);
      }
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum20.intoMemorySegment(sums, to + 2 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum21.intoMemorySegment(sums, to + 2 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum30.intoMemorySegment(sums, to + 3 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum31.intoMemorySegment(sums, to + 3 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
  }

  /** Four rows by four vectors of weights. */
  private static void tile4x4(
      StripFormat format,
      MemorySegment weights,
      long w0,
      long w1,
      long w2,
      long w3,
      int pairs,
      MemorySegment x,
      long x0,
      long x1,
      long x2,
      long x3,
      MemorySegment sums,
      long to) {
    int pairBytes = format.pairBytes();
    int halfBytes = format.halfBytes();
    int shift = format.shift();
    int step = format.step();
    IntVector mask = IntVector.broadcast(INTS, format.mask());
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum02 = FloatVector.zero(FLOATS);
    FloatVector sum03 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum12 = FloatVector.zero(FLOATS);
    FloatVector sum13 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum22 = FloatVector.zero(FLOATS);
    FloatVector sum23 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    FloatVector sum32 = FloatVector.zero(FLOATS);
    FloatVector sum33 = FloatVector.zero(FLOATS);
    for (int pair = 0; pair < pairs; pair++) {
      for (int half = 0; half < 2; half++) {
        long at = (long) pair * pairBytes + half * halfBytes;
        int left = shift + step * half;
        long column = pair * 8L + half * 4L;
        FloatVector weight0 = decode(weights, w0 + at, left, mask);
        FloatVector weight1 = decode(weights, w1 + at, left, mask);
        FloatVector weight2 = decode(weights, w2 + at, left, mask);
        FloatVector weight3 = decode(weights, w3 + at, left, mask);
        FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + column));
        sum00 = weight0.fma(value0, sum00);
        sum01 = weight1.fma(value0, sum01);
        sum02 = weight2.fma(value0, sum02);
        sum03 = weight3.fma(value0, sum03);
        FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + column));
        sum10 = weight0.fma(value1, sum10);
        sum11 = weight1.fma(value1, sum11);
        sum12 = weight2.fma(value1, sum12);
        sum13 = weight3.fma(value1, sum13);
        FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x2 + column));
        sum20 = weight0.fma(value2, sum20);
        sum21 = weight1.fma(value2, sum21);
        sum22 = weight2.fma(value2, sum22);
        sum23 = weight3.fma(value2, sum23);
        FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x3 + column));
        sum30 = weight0.fma(value3, sum30);
        sum31 = weight1.fma(value3, sum31);
        sum32 = weight2.fma(value3, sum32);
        sum33 = weight3.fma(value3, sum33);
      }
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum02.intoMemorySegment(sums, to + 0 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum03.intoMemorySegment(sums, to + 0 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum12.intoMemorySegment(sums, to + 1 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum13.intoMemorySegment(sums, to + 1 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
    sum20.intoMemorySegment(sums, to + 2 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum21.intoMemorySegment(sums, to + 2 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum22.intoMemorySegment(sums, to + 2 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum23.intoMemorySegment(sums, to + 2 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
    sum30.intoMemorySegment(sums, to + 3 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum31.intoMemorySegment(sums, to + 3 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum32.intoMemorySegment(sums, to + 3 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum33.intoMemorySegment(sums, to + 3 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
  }

  /** Two rows by four vectors of weights. */
  private static void tile2x4(
      StripFormat format,
      MemorySegment weights,
      long w0,
      long w1,
      long w2,
      long w3,
      int pairs,
      MemorySegment x,
      long x0,
      long x1,
      MemorySegment sums,
      long to) {
    int pairBytes = format.pairBytes();
    int halfBytes = format.halfBytes();
    int shift = format.shift();
    int step = format.step();
    IntVector mask = IntVector.broadcast(INTS, format.mask());
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum02 = FloatVector.zero(FLOATS);
    FloatVector sum03 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum12 = FloatVector.zero(FLOATS);
    FloatVector sum13 = FloatVector.zero(FLOATS);
    for (int pair = 0; pair < pairs; pair++) {
      for (int half = 0; half < 2; half++) {
        long at = (long) pair * pairBytes + half * halfBytes;
        int left = shift + step * half;
        long column = pair * 8L + half * 4L;
        FloatVector weight0 = decode(weights, w0 + at, left, mask);
        FloatVector weight1 = decode(weights, w1 + at, left, mask);
        FloatVector weight2 = decode(weights, w2 + at, left, mask);
        FloatVector weight3 = decode(weights, w3 + at, left, mask);
        FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + column));
        sum00 = weight0.fma(value0, sum00);
        sum01 = weight1.fma(value0, sum01);
        sum02 = weight2.fma(value0, sum02);
        sum03 = weight3.fma(value0, sum03);
        FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + column));
        sum10 = weight0.fma(value1, sum10);
        sum11 = weight1.fma(value1, sum11);
        sum12 = weight2.fma(value1, sum12);
        sum13 = weight3.fma(value1, sum13);
      }
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum02.intoMemorySegment(sums, to + 0 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum03.intoMemorySegment(sums, to + 0 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum12.intoMemorySegment(sums, to + 1 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum13.intoMemorySegment(sums, to + 1 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
  }

  /** One row by four vectors of weights. */
  private static void tile1x4(
      StripFormat format,
      MemorySegment weights,
      long w0,
      long w1,
      long w2,
      long w3,
      int pairs,
      MemorySegment x,
      long x0,
      MemorySegment sums,
      long to) {
    int pairBytes = format.pairBytes();
    int halfBytes = format.halfBytes();
    int shift = format.shift();
    int step = format.step();
    IntVector mask = IntVector.broadcast(INTS, format.mask());
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum02 = FloatVector.zero(FLOATS);
    FloatVector sum03 = FloatVector.zero(FLOATS);
    for (int pair = 0; pair < pairs; pair++) {
      for (int half = 0; half < 2; half++) {
        long at = (long) pair * pairBytes + half * halfBytes;
        int left = shift + step * half;
        long column = pair * 8L + half * 4L;
        FloatVector weight0 = decode(weights, w0 + at, left, mask);
        FloatVector weight1 = decode(weights, w1 + at, left, mask);
        FloatVector weight2 = decode(weights, w2 + at, left, mask);
        FloatVector weight3 = decode(weights, w3 + at, left, mask);
        FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + column));
        sum00 = weight0.fma(value0, sum00);
        sum01 = weight1.fma(value0, sum01);
        sum02 = weight2.fma(value0, sum02);
        sum03 = weight3.fma(value0, sum03);
      }
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum02.intoMemorySegment(sums, to + 0 * ROW_BYTES + 2 * Lanes.BYTES, ORDER);
    sum03.intoMemorySegment(sums, to + 0 * ROW_BYTES + 3 * Lanes.BYTES, ORDER);
  }
}
