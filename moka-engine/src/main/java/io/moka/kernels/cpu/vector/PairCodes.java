package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.INTS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static io.moka.kernels.cpu.vector.Lanes.SHORTS;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

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
 * weights; its two halves gather columns of their own, whose products 16 bits hold. A class for
 * each kind, as {@link TileScales} are.
 *
 * <p>Loops over the vectors of a tile take their steps from fields: where steps are constants, C2
 * moves the checks of bounds ahead of the loop, which costs more than the few turns it has.
 */
abstract sealed class PairCodes {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final long VECTOR = TileLayout.VECTOR_BYTES;

  /** Sums of a sub-block. */
  static final int SUMS = LANES;

  private static final Optional<PairCodes> NIBBLES = Optional.of(new Nibbles());
  private static final Optional<PairCodes> PLANES = Optional.of(new Planes());
  private static final Optional<PairCodes> SIX_BITS = Optional.of(new SixBits());
  private static final Optional<PairCodes> BYTES = Optional.of(new Bytes());
  private static final Optional<PairCodes> UNEVEN = table(Codes.UNEVEN);
  private static final Optional<PairCodes> E2M1 = table(Codes.E2M1);

  /** Steps of a loop over a tile. */
  final int turns;

  final int vectorBytes = TileLayout.VECTOR_BYTES;
  final int pairBytes;

  private PairCodes(int turns) {
    this.turns = turns;
    pairBytes = RoundedRow.PAIR_BYTES / turns;
  }

  /** The kind of a layout; none where vectors are too narrow for its table. */
  static Optional<PairCodes> of(TileLayout layout) {
    if (layout.codes() instanceof Codes.Table table) {
      return table == Codes.UNEVEN ? UNEVEN : E2M1;
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

  private static Optional<PairCodes> table(Codes.Table table) {
    return SHORTS.length() < 16 ? Optional.empty() : Optional.of(new Table(table));
  }

  /**
   * Sums of {@code code * a}, as floats: [tiles, sub-blocks, 16]; what lies behind is overwritten.
   *
   * @param layout of the tiles
   * @param weights memory of the tiles
   * @param tile where the first begins, in bytes
   * @param tiles how many, one after the other
   * @param x memory of the rounded row, with its pairs
   * @param block where its block for the first tile begins
   * @param blockBytes from one of its blocks to the next
   * @param out takes the sums, from its beginning
   */
  abstract void sum(
      TileLayout layout,
      MemorySegment weights,
      long tile,
      int tiles,
      MemorySegment x,
      long block,
      int blockBytes,
      float[] out);

  /** 16 * 15 * 127 in each half: all columns of a tile in one sum. */
  private static final class Nibbles extends PairCodes {
    Nibbles() {
      super(4);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        MemorySegment x,
        long block,
        int blockBytes,
        float[] out) {
      int bias = -layout.codes().value(0);
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        int less = bias * x.get(JAVA_INT_UNALIGNED, block + RoundedRow.INTEGER_SUM);
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          ShortVector sum = ShortVector.zero(SHORTS);
          long at = tile + lane * 4L;
          long pairs = block + RoundedRow.PAIRS;
          for (int turn = 0; turn < turns; turn++) {
            ShortVector words = words(weights, at);
            sum = sum.add(words.and((short) 15).mul(pair(x, pairs)));
            sum = sum.add(right(words, 4).and((short) 15).mul(pair(x, pairs + 4)));
            sum = sum.add(right(words, 8).and((short) 15).mul(pair(x, pairs + 8)));
            sum = sum.add(right(words, 12).mul(pair(x, pairs + 12)));
            at += vectorBytes;
            pairs += pairBytes;
          }
          store(halvesOf(sum).sub(less), out, to);
          to += Lanes.COUNT;
        }
        tile += tileBytes;
        block += blockBytes;
      }
    }
  }

  /**
   * Two planes in any places, or one: 8 * 31 * 127 in each half, or 8 * 16 * 127 once the bias is
   * taken off. What 16 bits do not hold before that comes back when they wrap the other way.
   */
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
        MemorySegment x,
        long block,
        int blockBytes,
        float[] out) {
      int less = layout.codes().value(0);
      int tileBytes = layout.tileBytes();
      int subBlocks = layout.subBlocks();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          half(layout.low(), layout.high(), less, 0, weights, tile + lane * 4L, x, block, out, to);
          int second = to + SUMS;
          half(
              layout.low(),
              layout.high(),
              less,
              1,
              weights,
              tile + lane * 4L,
              x,
              block,
              out,
              second);
          if (subBlocks == 1) {
            FloatVector.fromArray(FLOATS, out, to)
                .add(FloatVector.fromArray(FLOATS, out, second))
                .intoArray(out, to);
          }
          to += Lanes.COUNT;
        }
        to += (subBlocks - 1) * SUMS;
        tile += tileBytes;
        block += blockBytes;
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
        MemorySegment x,
        long block,
        float[] out,
        int to) {
      int quad = turns * half;
      long lowAt = at + low.vector(quad) * VECTOR;
      long lowStep = (low.vector(quad + 1) - low.vector(quad)) * VECTOR;
      int shift = low.shift(quad);
      int shiftStep = low.shift(quad + 1) - shift;
      // where there is no high plane, its mask leaves nothing of what is read in its place
      long plane = high == HighPlane.NONE ? at : at + low.vectors() * VECTOR;
      ShortVector highs = words(weights, plane + high.vector(quad) * VECTOR);
      int highShift = high.shift(quad);
      int highStep = high.shift(quad + 1) - highShift;
      int up = low.bits();
      short lowMask = (short) (low.mask() & 255);
      short highMask = (short) (high.mask() & 255);
      long pairs = block + RoundedRow.PAIRS + 4L * half;
      ShortVector sum = pair(x, block + RoundedRow.PAIR_SUMS + 4L * half).mul((short) less);
      for (int turn = 0; turn < turns; turn++) {
        ShortVector words = right(words(weights, lowAt), shift);
        ShortVector above = right(highs, highShift);
        ShortVector code = words.and(lowMask).or(left(above.and(highMask), up));
        sum = sum.add(code.mul(pair(x, pairs)));
        code = right(words, 8).and(lowMask).or(left(right(above, 8).and(highMask), up));
        sum = sum.add(code.mul(pair(x, pairs + 8)));
        lowAt += lowStep;
        shift += shiftStep;
        highShift += highStep;
        pairs += pairBytes;
      }
      store(halvesOf(sum), out, to);
    }
  }

  /**
   * As {@link Planes} for Q6_K, the head of most files: shifts by constants take half the time. 8 *
   * 32 * 127 in each half, once the bias is taken off.
   */
  private static final class SixBits extends PairCodes {
    SixBits() {
      super(4);
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        MemorySegment x,
        long block,
        int blockBytes,
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
        block += blockBytes;
      }
    }

    /** Columns 0 to 15, in the low nibbles, or the others. */
    private void half(
        int less,
        int half,
        MemorySegment weights,
        long at,
        long plane,
        MemorySegment x,
        long block,
        float[] out,
        int to) {
      ShortVector sum = pair(x, block + RoundedRow.PAIR_SUMS + 4L * half).mul((short) less);
      ShortVector above = words(weights, plane);
      long pairs = block + RoundedRow.PAIRS + 4L * half;
      for (int turn = 0; turn < turns; turn++) {
        ShortVector words = right(words(weights, at), 4 * half);
        ShortVector code = words.and((short) 15).or(left(above, 4).and((short) 48));
        sum = sum.add(code.mul(pair(x, pairs)));
        code = right(words, 8).and((short) 15).or(right(above, 4).and((short) 48));
        sum = sum.add(code.mul(pair(x, pairs + 8)));
        above = right(above, 2);
        at += vectorBytes;
        pairs += pairBytes;
      }
      store(halvesOf(sum), out, to);
    }
  }

  /** 2 * 128 * 127 in each half: 32 bits take over after two columns. */
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
        MemorySegment x,
        long block,
        int blockBytes,
        float[] out) {
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          IntVector sum = IntVector.zero(INTS);
          long at = tile + lane * 4L;
          long pairs = block + RoundedRow.PAIRS;
          for (int turn = 0; turn < turns; turn++) {
            ShortVector words = words(weights, at).lanewise(VectorOperators.XOR, (short) 0x8080);
            ShortVector even = left(words, 8).lanewise(VectorOperators.ASHR, 8);
            ShortVector odd = words.lanewise(VectorOperators.ASHR, 8);
            sum = sum.add(halvesOf(even.mul(pair(x, pairs)).add(odd.mul(pair(x, pairs + 4)))));
            at += vectorBytes;
            pairs += pairBytes;
          }
          store(sum, out, to);
          to += Lanes.COUNT;
        }
        tile += tileBytes;
        block += blockBytes;
      }
    }
  }

  /** Nibbles that are places in a table; 2 * 127 * 127 in each half. */
  private static final class Table extends PairCodes {
    private final short[] entries = new short[SHORTS.length()];

    Table(Codes.Table table) {
      super(4);
      for (int i = 0; i < entries.length; i++) {
        entries[i] = (short) table.value(i % 16);
      }
    }

    @Override
    void sum(
        TileLayout layout,
        MemorySegment weights,
        long tile,
        int tiles,
        MemorySegment x,
        long block,
        int blockBytes,
        float[] out) {
      ShortVector table = ShortVector.fromArray(SHORTS, entries, 0);
      int tileBytes = layout.tileBytes();
      int to = 0;
      for (int i = 0; i < tiles; i++) {
        for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
          IntVector sum = IntVector.zero(INTS);
          long at = tile + lane * 4L;
          long pairs = block + RoundedRow.PAIRS;
          for (int turn = 0; turn < turns; turn++) {
            ShortVector words = words(weights, at);
            ShortVector first = words.and((short) 15).selectFrom(table).mul(pair(x, pairs));
            ShortVector second =
                right(words, 4).and((short) 15).selectFrom(table).mul(pair(x, pairs + 4));
            sum = sum.add(halvesOf(first.add(second)));
            first = right(words, 8).and((short) 15).selectFrom(table).mul(pair(x, pairs + 8));
            second = right(words, 12).selectFrom(table).mul(pair(x, pairs + 12));
            sum = sum.add(halvesOf(first.add(second)));
            at += vectorBytes;
            pairs += pairBytes;
          }
          store(sum, out, to);
          to += Lanes.COUNT;
        }
        tile += tileBytes;
        block += blockBytes;
      }
    }
  }

  private static ShortVector words(MemorySegment weights, long at) {
    return IntVector.fromMemorySegment(INTS, weights, at, ORDER).reinterpretAsShorts();
  }

  private static ShortVector right(ShortVector words, int bits) {
    return words.lanewise(VectorOperators.LSHR, bits);
  }

  private static ShortVector left(ShortVector words, int bits) {
    return words.lanewise(VectorOperators.LSHL, bits);
  }

  private static ShortVector pair(MemorySegment x, long at) {
    return IntVector.broadcast(INTS, x.get(JAVA_INT_UNALIGNED, at)).reinterpretAsShorts();
  }

  /** The lower and the upper half of each 32-bit lane, added. */
  private static IntVector halvesOf(ShortVector sums) {
    IntVector both = sums.reinterpretAsInts();
    return both.lanewise(VectorOperators.ASHR, 16)
        .add(both.lanewise(VectorOperators.LSHL, 16).lanewise(VectorOperators.ASHR, 16));
  }

  private static void store(IntVector integers, float[] out, int to) {
    ((FloatVector) integers.convert(VectorOperators.I2F, 0)).intoArray(out, to);
  }
}
