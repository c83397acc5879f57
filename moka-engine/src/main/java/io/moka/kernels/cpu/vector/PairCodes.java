package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.INTS;
import static io.moka.kernels.cpu.Lanes.ORDER;

import io.moka.kernels.cpu.Lanes;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.TileLayout.Codes;
import io.moka.weights.TileLayout.HighPlane;
import io.moka.weights.TileLayout.LowPlane;
import java.lang.foreign.MemorySegment;
import java.util.Optional;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Sums of {@code code * a} over the sub-blocks of tiles, for one rounded row, in 16-bit lanes: the
 * nearest that the Vector API has to an integer dot product. A 32-bit lane belongs to a row of
 * weights; its two halves gather columns of their own. A class for each kind, as {@link TileScales}
 * are.
 *
 * <p>What 16 bits do not hold on the way comes back when they wrap the other way: only the sum of a
 * half has to fit. So codes need not be taken apart. Where a lane holds two of them, {@code c0 +
 * 256 c1}, their products are {@code lane * a0 + (lane >>> 8) * (a1 - 256 a0)}, and nibbles go
 * likewise: {@link RoundedRow} holds these differences.
 *
 * <p>The four vectors of a tile follow each other in the code: C2 would check the bounds of a loop
 * ahead of it, which costs more than so few turns have to do. Loops that remain take their steps
 * from fields, which the compiler does not know, for the same reason.
 */
abstract sealed class PairCodes {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final long VECTOR = TileLayout.VECTOR_BYTES;

  // words within a block of a row
  private static final int INTEGER_SUM = RoundedRow.INTEGER_SUM / Integer.BYTES;
  private static final int PAIR_SUMS = RoundedRow.PAIR_SUMS / Integer.BYTES;
  private static final int PAIRS = RoundedRow.PAIRS / Integer.BYTES;

  /** Sums of a sub-block. */
  static final int SUMS = LANES;

  private static final Optional<PairCodes> NIBBLES = Optional.of(new Nibbles());
  private static final Optional<PairCodes> PLANES = Optional.of(new Planes());
  private static final Optional<PairCodes> SIX_BITS = Optional.of(new SixBits());
  private static final Optional<PairCodes> BYTES = Optional.of(new Bytes());

  /** Turns of a loop over the vectors of a tile; 1 where there is none. */
  final int turns;

  final int quadWords;

  private PairCodes(int turns) {
    this.turns = turns;
    quadWords = RoundedRow.QUAD_WORDS;
  }

  /** The kind of a layout; none for tables. */
  static Optional<PairCodes> of(TileLayout layout) {
    if (layout.codes() instanceof Codes.Table) {
      return Optional.empty();
    }
    if (layout.low() == LowPlane.BYTES) {
      return BYTES;
    }
    if (layout.low() == LowPlane.PAIRS) {
      return PLANES;
    }
    return switch (layout.high()) {
      case NONE -> NIBBLES;
      case BITS -> PLANES;
      case PAIRS -> SIX_BITS;
    };
  }

  /** Whether the rows of a layout hold the words of nibbles. */
  static boolean readsNibbles(TileLayout layout) {
    return layout.low() == LowPlane.NIBBLES && layout.high() == HighPlane.NONE;
  }

  /**
   * Sums of {@code code * a}, as floats: [tiles, sub-blocks, 16]; what lies behind is overwritten.
   *
   * @param layout of the tiles
   * @param weights memory of the tiles
   * @param tile where the first begins, in bytes
   * @param tiles how many, one after the other
   * @param x the rounded row, with its pairs
   * @param block where its block for the first tile begins
   * @param step from one of its blocks to the next
   * @param out takes the sums, from its beginning
   */
  abstract void sum(
      TileLayout layout,
      MemorySegment weights,
      long tile,
      int tiles,
      int[] x,
      int block,
      int step,
      float[] out);

  /** 16 * 15 * 127 in each half: all columns of a tile in one sum. */
  private static final class Nibbles extends PairCodes {
    Nibbles() {
      super(1);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        int[] x,
        int block,
        int step,
        float[] out) {
      int bias = -layout.codes().value(0);
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        int less = bias * x[block + INTEGER_SUM];
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          tile(weights, tile + lane * 4L, x, block + PAIRS, less, out, to);
          to += Lanes.COUNT;
        }
        tile += tileBytes;
        block += step;
      }
    }

    private static void tile(
        MemorySegment weights, long at, int[] x, int pairs, int less, float[] out, int to) {
      ShortVector words0 =
          IntVector.fromMemorySegment(INTS, weights, at, ORDER).reinterpretAsShorts();
      ShortVector words1 =
          IntVector.fromMemorySegment(INTS, weights, at + 1 * VECTOR, ORDER).reinterpretAsShorts();
      ShortVector words2 =
          IntVector.fromMemorySegment(INTS, weights, at + 2 * VECTOR, ORDER).reinterpretAsShorts();
      ShortVector words3 =
          IntVector.fromMemorySegment(INTS, weights, at + 3 * VECTOR, ORDER).reinterpretAsShorts();
      ShortVector sum = words0.mul(IntVector.broadcast(INTS, x[pairs]).reinterpretAsShorts());
      sum =
          sum.add(
              words0
                  .lanewise(VectorOperators.LSHR, 4)
                  .mul(IntVector.broadcast(INTS, x[pairs + 1]).reinterpretAsShorts()));
      sum =
          sum.add(
              words0
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 2]).reinterpretAsShorts()));
      sum =
          sum.add(
              words0
                  .lanewise(VectorOperators.LSHR, 12)
                  .mul(IntVector.broadcast(INTS, x[pairs + 3]).reinterpretAsShorts()));
      sum = sum.add(words1.mul(IntVector.broadcast(INTS, x[pairs + 4]).reinterpretAsShorts()));
      sum =
          sum.add(
              words1
                  .lanewise(VectorOperators.LSHR, 4)
                  .mul(IntVector.broadcast(INTS, x[pairs + 5]).reinterpretAsShorts()));
      sum =
          sum.add(
              words1
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 6]).reinterpretAsShorts()));
      sum =
          sum.add(
              words1
                  .lanewise(VectorOperators.LSHR, 12)
                  .mul(IntVector.broadcast(INTS, x[pairs + 7]).reinterpretAsShorts()));
      sum = sum.add(words2.mul(IntVector.broadcast(INTS, x[pairs + 8]).reinterpretAsShorts()));
      sum =
          sum.add(
              words2
                  .lanewise(VectorOperators.LSHR, 4)
                  .mul(IntVector.broadcast(INTS, x[pairs + 9]).reinterpretAsShorts()));
      sum =
          sum.add(
              words2
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 10]).reinterpretAsShorts()));
      sum =
          sum.add(
              words2
                  .lanewise(VectorOperators.LSHR, 12)
                  .mul(IntVector.broadcast(INTS, x[pairs + 11]).reinterpretAsShorts()));
      sum = sum.add(words3.mul(IntVector.broadcast(INTS, x[pairs + 12]).reinterpretAsShorts()));
      sum =
          sum.add(
              words3
                  .lanewise(VectorOperators.LSHR, 4)
                  .mul(IntVector.broadcast(INTS, x[pairs + 13]).reinterpretAsShorts()));
      sum =
          sum.add(
              words3
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 14]).reinterpretAsShorts()));
      sum =
          sum.add(
              words3
                  .lanewise(VectorOperators.LSHR, 12)
                  .mul(IntVector.broadcast(INTS, x[pairs + 15]).reinterpretAsShorts()));
      IntVector both = sum.reinterpretAsInts();
      IntVector whole =
          both.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 16)
              .add(both.lanewise(VectorOperators.ASHR, 16))
              .sub(less);
      ((FloatVector) whole.convert(VectorOperators.I2F, 0)).intoArray(out, to);
    }
  }

  /** Two planes in any places, or one: 8 * 32 * 127 in each half once the middle is taken off. */
  private static final class Planes extends PairCodes {
    Planes() {
      super(4);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        int[] x,
        int block,
        int step,
        float[] out) {
      int less = layout.codes().value(0);
      int tileBytes = layout.tileBytes();
      int subBlocks = layout.subBlocks();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          long at = tile + lane * 4L;
          half(layout.low(), layout.high(), less, 0, weights, at, x, block, out, to + lane);
          half(layout.low(), layout.high(), less, 1, weights, at, x, block, out, to + SUMS + lane);
        }
        if (subBlocks == 1) {
          for (int lane = 0; lane < LANES; lane++) {
            out[to + lane] += out[to + SUMS + lane];
          }
        }
        to += subBlocks * SUMS;
        tile += tileBytes;
        block += step;
      }
    }

    /** Columns 0 to 15 of some rows, or the others. */
    private void half(
        LowPlane low,
        HighPlane high,
        int less,
        int half,
        MemorySegment weights,
        long at,
        int[] x,
        int block,
        float[] out,
        int to) {
      int quad = turns * half;
      long lowAt = at + low.vector(quad) * VECTOR;
      long lowStep = (low.vector(quad + 1) - low.vector(quad)) * VECTOR;
      int shift = low.shift(quad);
      int shiftStep = low.shift(quad + 1) - shift;
      // where there is no high plane, its mask leaves nothing of what is read in its place
      long plane = high == HighPlane.NONE ? at : at + low.vectors() * VECTOR;
      plane += high.vector(quad) * VECTOR;
      int highShift = high.shift(quad);
      int highStep = high.shift(quad + 1) - highShift;
      int up = low.bits();
      int pairs = block + PAIRS + turns * quadWords * half;
      IntVector sums = IntVector.broadcast(INTS, x[block + PAIR_SUMS + half]);
      ShortVector sum = sums.reinterpretAsShorts().mul((short) less);
      for (int turn = 0; turn < turns; turn++) {
        IntVector above =
            IntVector.fromMemorySegment(INTS, weights, plane, ORDER)
                .lanewise(VectorOperators.LSHR, highShift)
                .and(high.mask())
                .lanewise(VectorOperators.LSHL, up);
        ShortVector codes =
            IntVector.fromMemorySegment(INTS, weights, lowAt, ORDER)
                .lanewise(VectorOperators.LSHR, shift)
                .and(low.mask())
                .or(above)
                .reinterpretAsShorts();
        ShortVector first = IntVector.broadcast(INTS, x[pairs]).reinterpretAsShorts();
        ShortVector second = IntVector.broadcast(INTS, x[pairs + 1]).reinterpretAsShorts();
        sum = sum.add(codes.mul(first));
        sum = sum.add(codes.lanewise(VectorOperators.LSHR, 8).mul(second));
        lowAt += lowStep;
        shift += shiftStep;
        highShift += highStep;
        pairs += quadWords;
      }
      IntVector both = sum.reinterpretAsInts();
      IntVector whole =
          both.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 16)
              .add(both.lanewise(VectorOperators.ASHR, 16));
      ((FloatVector) whole.convert(VectorOperators.I2F, 0)).intoArray(out, to);
    }
  }

  /** As {@link Planes} for Q6_K, the head of most files: shifts by constants take half the time. */
  private static final class SixBits extends PairCodes {
    SixBits() {
      super(1);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        int[] x,
        int block,
        int step,
        float[] out) {
      int less = layout.codes().value(0);
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          long at = tile + lane * 4L;
          half(less, 0, weights, at, at + 4 * VECTOR, x, block, out, to + lane);
          half(less, 1, weights, at, at + 5 * VECTOR, x, block, out, to + SUMS + lane);
        }
        to += 2 * SUMS;
        tile += tileBytes;
        block += step;
      }
    }

    /** Columns 0 to 15, in the low nibbles, or the others. */
    private static void half(
        int less,
        int half,
        MemorySegment weights,
        long at,
        long plane,
        int[] x,
        int block,
        float[] out,
        int to) {
      IntVector sums = IntVector.broadcast(INTS, x[block + PAIR_SUMS + half]);
      ShortVector sum = sums.reinterpretAsShorts().mul((short) less);
      int shift = 4 * half;
      int pairs = block + PAIRS + 4 * RoundedRow.QUAD_WORDS * half;
      IntVector above = IntVector.fromMemorySegment(INTS, weights, plane, ORDER);
      ShortVector codes0 =
          IntVector.fromMemorySegment(INTS, weights, at, ORDER)
              .lanewise(VectorOperators.LSHR, shift)
              .and(0x0F0F0F0F)
              .or(above.lanewise(VectorOperators.LSHL, 4).and(0x30303030))
              .reinterpretAsShorts();
      sum = sum.add(codes0.mul(IntVector.broadcast(INTS, x[pairs]).reinterpretAsShorts()));
      sum =
          sum.add(
              codes0
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 1]).reinterpretAsShorts()));
      ShortVector codes1 =
          IntVector.fromMemorySegment(INTS, weights, at + 1 * VECTOR, ORDER)
              .lanewise(VectorOperators.LSHR, shift)
              .and(0x0F0F0F0F)
              .or(above.lanewise(VectorOperators.LSHL, 2).and(0x30303030))
              .reinterpretAsShorts();
      sum = sum.add(codes1.mul(IntVector.broadcast(INTS, x[pairs + 3]).reinterpretAsShorts()));
      sum =
          sum.add(
              codes1
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 4]).reinterpretAsShorts()));
      ShortVector codes2 =
          IntVector.fromMemorySegment(INTS, weights, at + 2 * VECTOR, ORDER)
              .lanewise(VectorOperators.LSHR, shift)
              .and(0x0F0F0F0F)
              .or(above.and(0x30303030))
              .reinterpretAsShorts();
      sum = sum.add(codes2.mul(IntVector.broadcast(INTS, x[pairs + 6]).reinterpretAsShorts()));
      sum =
          sum.add(
              codes2
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 7]).reinterpretAsShorts()));
      ShortVector codes3 =
          IntVector.fromMemorySegment(INTS, weights, at + 3 * VECTOR, ORDER)
              .lanewise(VectorOperators.LSHR, shift)
              .and(0x0F0F0F0F)
              .or(above.lanewise(VectorOperators.LSHR, 2).and(0x30303030))
              .reinterpretAsShorts();
      sum = sum.add(codes3.mul(IntVector.broadcast(INTS, x[pairs + 9]).reinterpretAsShorts()));
      sum =
          sum.add(
              codes3
                  .lanewise(VectorOperators.LSHR, 8)
                  .mul(IntVector.broadcast(INTS, x[pairs + 10]).reinterpretAsShorts()));
      IntVector both = sum.reinterpretAsInts();
      IntVector whole =
          both.lanewise(VectorOperators.LSHL, 16)
              .lanewise(VectorOperators.ASHR, 16)
              .add(both.lanewise(VectorOperators.ASHR, 16));
      ((FloatVector) whole.convert(VectorOperators.I2F, 0)).intoArray(out, to);
    }
  }

  /**
   * 2 * 128 * 127 in each half once the middle is taken off: 32 bits take over after two columns.
   */
  private static final class Bytes extends PairCodes {
    Bytes() {
      super(8);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        int[] x,
        int block,
        int step,
        float[] out) {
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          tile(weights, tile + lane * 4L, x, block + PAIRS, out, to);
          to += Lanes.COUNT;
        }
        tile += tileBytes;
        block += step;
      }
    }

    private void tile(MemorySegment weights, long at, int[] x, int pairs, float[] out, int to) {
      IntVector all = IntVector.broadcast(INTS, turns * -RoundedRow.LIFT);
      IntVector upper = IntVector.zero(INTS);
      for (int turn = 0; turn < turns; turn++) {
        ShortVector words =
            IntVector.fromMemorySegment(INTS, weights, at, ORDER).reinterpretAsShorts();
        ShortVector first = IntVector.broadcast(INTS, x[pairs]).reinterpretAsShorts();
        ShortVector second = IntVector.broadcast(INTS, x[pairs + 1]).reinterpretAsShorts();
        ShortVector middle = IntVector.broadcast(INTS, x[pairs + 2]).reinterpretAsShorts();
        IntVector both =
            words
                .mul(first)
                .add(words.lanewise(VectorOperators.LSHR, 8).mul(second))
                .add(middle)
                .reinterpretAsInts();
        // the lower half is lifted above zero, so that the upper one is what it was
        all = all.add(both);
        upper = upper.add(both.lanewise(VectorOperators.ASHR, 16));
        at += VECTOR;
        pairs += quadWords;
      }
      IntVector whole = all.sub(upper.lanewise(VectorOperators.LSHL, 16)).add(upper);
      ((FloatVector) whole.convert(VectorOperators.I2F, 0)).intoArray(out, to);
    }
  }
}
