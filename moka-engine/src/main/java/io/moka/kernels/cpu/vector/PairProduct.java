package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.INTS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.TileLayout.Codes;
import io.moka.weights.TileLayout.HighPlane;
import io.moka.weights.TileLayout.LowPlane;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * The product of one rounded row with quantised strips in 16-bit lanes, for the formats whose codes
 * need no more than shifts: the nearest that the Vector API has to an integer dot product. A 32-bit
 * lane belongs to a row of weights; its two halves gather columns of their own, at most 16 * 15 *
 * 127 for nibbles and 2 * 128 * 127 for bytes, which 16 bits hold.
 */
final class PairProduct {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final long VECTOR = TileLayout.VECTOR_BYTES;

  /** Tiles whose integers are summed before their scales are applied: a super-block. */
  private static final int RUN_TILES = 8;

  /** Integer sums of a run. */
  static final long SCRATCH_BYTES = (long) RUN_TILES * GroupProducts.SUM_BYTES;

  private PairProduct() {}

  /** Whether there is a product in 16-bit lanes for a layout. */
  static boolean serves(TileLayout layout) {
    return layout.high() == HighPlane.NONE
        && layout.low() != LowPlane.PAIRS
        && layout.codes() instanceof Codes.Bias
        && layout.subBlocks() == 1;
  }

  /**
   * Adds the products of one row to its sums.
   *
   * @param layout of the strips, one that is served
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param tiles tiles of a strip
   * @param x memory of the rounded row, with its pairs
   * @param row where it begins
   * @param sums 64 floats, begun with zeros
   * @param to where they begin
   * @param scratch {@link #SCRATCH_BYTES}
   */
  static void multiply(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      long stripBytes,
      int strips,
      int tiles,
      MemorySegment x,
      long row,
      MemorySegment sums,
      long to,
      MemorySegment scratch) {
    int bias = -layout.codes().value(0);
    for (int tile = 0; tile < tiles; tile += RUN_TILES) {
      int count = Math.min(RUN_TILES, tiles - tile);
      long block = TilePanel.blockOffset(layout, strip, tile);
      long at = TilePanel.tileOffset(layout, strip, tile);
      int tileBytes = layout.tileBytes();
      long entries = at + layout.low().vectors() * VECTOR;
      long rounded = row + (long) tile * RoundedRow.BLOCK_BYTES;
      // four streams, one a strip
      if (layout.low() == LowPlane.BYTES) {
        bytes(weights, at, tileBytes, stripBytes, strips, count, x, rounded, scratch);
      } else {
        nibbles(weights, at, tileBytes, stripBytes, strips, count, bias, x, rounded, scratch);
      }
      for (int s = 0; s < strips; s++) {
        long step = s * stripBytes;
        long out = to + s * LANES * 4L;
        switch (layout.scales()) {
          case HALF ->
              halves(
                  weights,
                  entries + step,
                  tileBytes,
                  s,
                  strips,
                  count,
                  x,
                  rounded,
                  scratch,
                  sums,
                  out);
          case HALF_AND_OFFSET ->
              offsets(
                  weights,
                  entries + step,
                  tileBytes,
                  s,
                  strips,
                  count,
                  x,
                  rounded,
                  scratch,
                  sums,
                  out);
          case BYTE_AND_OFFSET ->
              byteOffsets(
                  weights,
                  block + step,
                  entries + step,
                  tileBytes,
                  s,
                  strips,
                  count,
                  x,
                  rounded,
                  scratch,
                  sums,
                  out);
          case EXPONENT, SIGNED, NIBBLES -> throw new IllegalArgumentException("" + layout);
        }
      }
    }
  }

  /** Sums of (nibble - bias) * a: [tiles, strips, 16] floats. */
  private static void nibbles(
      MemorySegment weights,
      long first,
      int tileBytes,
      long stripBytes,
      int strips,
      int tiles,
      int bias,
      MemorySegment x,
      long block,
      MemorySegment out) {
    ShortVector mask = ShortVector.broadcast(Lanes.SHORTS, (short) 15);
    long to = 0;
    for (int tile = 0; tile < tiles; tile++) {
      int less = bias * x.get(JAVA_INT, block + RoundedRow.INTEGER_SUM);
      for (int s = 0; s < strips; s++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          ShortVector sum = ShortVector.zero(Lanes.SHORTS);
          long at = first + s * stripBytes + lane * 4L;
          for (int vector = 0; vector < 4; vector++) {
            long pairs = block + RoundedRow.PAIRS + 16L * vector;
            ShortVector words =
                IntVector.fromMemorySegment(INTS, weights, at + vector * VECTOR, ORDER)
                    .reinterpretAsShorts();
            sum = sum.add(words.and(mask).mul(pair(x, pairs)));
            sum = sum.add(shifted(words, 4).and(mask).mul(pair(x, pairs + 4)));
            sum = sum.add(shifted(words, 8).and(mask).mul(pair(x, pairs + 8)));
            sum = sum.add(shifted(words, 12).mul(pair(x, pairs + 12)));
          }
          store(halvesOf(sum).sub(less), out, to);
          to += Lanes.BYTES;
        }
      }
      first += tileBytes;
      block += RoundedRow.BLOCK_BYTES;
    }
  }

  /** Sums of (byte - 128) * a: [tiles, strips, 16] floats. */
  private static void bytes(
      MemorySegment weights,
      long first,
      int tileBytes,
      long stripBytes,
      int strips,
      int tiles,
      MemorySegment x,
      long block,
      MemorySegment out) {
    IntVector flip = IntVector.broadcast(INTS, 0x80808080);
    long to = 0;
    for (int tile = 0; tile < tiles; tile++) {
      for (int s = 0; s < strips; s++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          IntVector sum = IntVector.zero(INTS);
          long at = first + s * stripBytes + lane * 4L;
          for (int vector = 0; vector < 8; vector++) {
            long pairs = block + RoundedRow.PAIRS + 8L * vector;
            ShortVector words =
                IntVector.fromMemorySegment(INTS, weights, at + vector * VECTOR, ORDER)
                    .lanewise(VectorOperators.XOR, flip)
                    .reinterpretAsShorts();
            ShortVector even =
                words.lanewise(VectorOperators.LSHL, 8).lanewise(VectorOperators.ASHR, 8);
            ShortVector odd = words.lanewise(VectorOperators.ASHR, 8);
            sum = sum.add(halvesOf(even.mul(pair(x, pairs)).add(odd.mul(pair(x, pairs + 4)))));
          }
          store(sum, out, to);
          to += Lanes.BYTES;
        }
      }
      first += tileBytes;
      block += RoundedRow.BLOCK_BYTES;
    }
  }

  private static void store(IntVector integers, MemorySegment out, long to) {
    ((FloatVector) integers.convert(VectorOperators.I2F, 0)).intoMemorySegment(out, to, ORDER);
  }

  private static ShortVector shifted(ShortVector words, int bits) {
    return words.lanewise(VectorOperators.LSHR, bits);
  }

  private static ShortVector pair(MemorySegment x, long at) {
    return IntVector.broadcast(INTS, x.get(JAVA_INT, at)).reinterpretAsShorts();
  }

  /** The lower and the upper half of each 32-bit lane, added. */
  private static IntVector halvesOf(ShortVector sums) {
    IntVector both = sums.reinterpretAsInts();
    return both.lanewise(VectorOperators.ASHR, 16)
        .add(both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16));
  }

  /** acc = fma(I, d * da, acc) over the tiles of one strip. */
  private static void halves(
      MemorySegment weights,
      long entries,
      int tileBytes,
      int s,
      int strips,
      int tiles,
      MemorySegment x,
      long block,
      MemorySegment integers,
      MemorySegment sums,
      long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, sums, to + lane * 4L, ORDER);
      for (int tile = 0; tile < tiles; tile++) {
        float step = x.get(JAVA_FLOAT, at(block, tile) + RoundedRow.SCALE);
        FloatVector scale = Lanes.halves(weights, entries + (long) tile * tileBytes + lane * 2L);
        total =
            FloatVector.fromMemorySegment(FLOATS, integers, integerAt(tile, s, strips, lane), ORDER)
                .fma(scale.mul(step), total);
      }
      total.intoMemorySegment(sums, to + lane * 4L, ORDER);
    }
  }

  /** As {@link #halves}, and acc = fma(m, da * sum of a, acc). */
  private static void offsets(
      MemorySegment weights,
      long entries,
      int tileBytes,
      int s,
      int strips,
      int tiles,
      MemorySegment x,
      long block,
      MemorySegment integers,
      MemorySegment sums,
      long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, sums, to + lane * 4L, ORDER);
      for (int tile = 0; tile < tiles; tile++) {
        float step = x.get(JAVA_FLOAT, at(block, tile) + RoundedRow.SCALE);
        float sum = x.get(JAVA_FLOAT, at(block, tile) + RoundedRow.WHOLE_SUM);
        long own = entries + (long) tile * tileBytes + lane * 2L;
        FloatVector scale = Lanes.halves(weights, own);
        total =
            FloatVector.fromMemorySegment(FLOATS, integers, integerAt(tile, s, strips, lane), ORDER)
                .fma(scale.mul(step), total);
        total = Lanes.halves(weights, own + 32).fma(FloatVector.broadcast(FLOATS, sum), total);
      }
      total.intoMemorySegment(sums, to + lane * 4L, ORDER);
    }
  }

  /** As {@link #offsets}, with the scale d * s and the offset -(dmin * m). */
  private static void byteOffsets(
      MemorySegment weights,
      long halves,
      long entries,
      int tileBytes,
      int s,
      int strips,
      int tiles,
      MemorySegment x,
      long block,
      MemorySegment integers,
      MemorySegment sums,
      long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, sums, to + lane * 4L, ORDER);
      FloatVector d = Lanes.halves(weights, halves + lane * 2L);
      FloatVector dmin = Lanes.halves(weights, halves + 32 + lane * 2L).neg();
      for (int tile = 0; tile < tiles; tile++) {
        float step = x.get(JAVA_FLOAT, at(block, tile) + RoundedRow.SCALE);
        float sum = x.get(JAVA_FLOAT, at(block, tile) + RoundedRow.WHOLE_SUM);
        long own = entries + (long) tile * tileBytes + lane;
        FloatVector scale = d.mul(unsigned(weights, own));
        total =
            FloatVector.fromMemorySegment(FLOATS, integers, integerAt(tile, s, strips, lane), ORDER)
                .fma(scale.mul(step), total);
        FloatVector offset = dmin.mul(unsigned(weights, own + 16));
        total = offset.fma(FloatVector.broadcast(FLOATS, sum), total);
      }
      total.intoMemorySegment(sums, to + lane * 4L, ORDER);
    }
  }

  private static long at(long block, int tile) {
    return block + (long) tile * RoundedRow.BLOCK_BYTES;
  }

  private static long integerAt(int tile, int s, int strips, int lane) {
    return ((long) (tile * strips + s) * LANES + lane) * Float.BYTES;
  }

  private static FloatVector unsigned(MemorySegment weights, long entries) {
    return (FloatVector) Lanes.bytes(weights, entries).and(255).convert(VectorOperators.I2F, 0);
  }
}
