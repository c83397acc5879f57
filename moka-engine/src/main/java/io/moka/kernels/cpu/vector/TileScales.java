package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.HALF_WIDTH;
import static io.moka.kernels.cpu.Lanes.INTS;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static io.moka.kernels.cpu.Lanes.QUARTER_WIDTH;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import io.moka.kernels.cpu.Lanes;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Decodes the scales and offsets of a tile's sub-blocks, 16 floats each. A class for each kind, not
 * a choice within one method: with all kinds in one method C2's inliner gives up half-way, and
 * boxes the vectors of whichever kind it came to last.
 */
abstract sealed class TileScales {
  /** Scales and offsets of two sub-blocks. */
  static final int TILE_FLOATS = 4 * TilePanel.COLUMN;

  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int[] BYTE_SHIFTS = {24, 16, 8, 0};
  private static final TileScales HALF = new Half();
  private static final TileScales HALF_AND_OFFSET = new HalfAndOffset();
  private static final TileScales EXPONENT = new Exponent();
  private static final TileScales BYTE_AND_OFFSET = new ByteAndOffset();
  private static final TileScales SIGNED = new Signed();
  private static final TileScales NIBBLES = new Nibbles();

  /** The decoder for a layout. */
  static TileScales of(TileLayout layout) {
    return switch (layout.scales()) {
      case HALF -> HALF;
      case HALF_AND_OFFSET -> HALF_AND_OFFSET;
      case EXPONENT -> EXPONENT;
      case BYTE_AND_OFFSET -> BYTE_AND_OFFSET;
      case SIGNED -> SIGNED;
      case NIBBLES -> NIBBLES;
    };
  }

  /**
   * For each of some tiles the scales of its sub-blocks, then their offsets where the format has
   * them.
   *
   * @param layout of the tiles
   * @param weights memory of the tiles
   * @param block where the halves of the tiles' super-block lie
   * @param tile where the first tile begins; the others follow
   * @param tiles how many, all of one super-block
   * @param out takes the floats, {@link #TILE_FLOATS} a tile
   * @param to where they begin
   */
  final void decode(
      TileLayout layout,
      MemorySegment weights,
      long block,
      long tile,
      int tiles,
      float[] out,
      int to) {
    long entries = tile + (long) layout.codeVectors() * TileLayout.VECTOR_BYTES;
    decode(layout.subBlocks(), layout.tileBytes(), weights, block, entries, tiles, out, to);
  }

  abstract void decode(
      int subBlocks,
      int tileBytes,
      MemorySegment weights,
      long block,
      long entries,
      int tiles,
      float[] out,
      int to);

  private static final class Half extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      halves(weights, entries, tileBytes, tiles, out, to);
    }
  }

  private static final class HalfAndOffset extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      halves(weights, entries, tileBytes, tiles, out, to);
      int offsets = to + subBlocks * TilePanel.COLUMN;
      halves(weights, entries + 2L * LANES, tileBytes, tiles, out, offsets);
    }
  }

  private static final class Exponent extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      powers(weights, entries, tileBytes, tiles, out, to);
    }
  }

  private static final class ByteAndOffset extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      products(weights, block, 1, entries, 0, 255, tileBytes, tiles, out, to);
      long second = block + 2L * LANES;
      int offsets = to + subBlocks * TilePanel.COLUMN;
      products(weights, second, -1, entries + LANES, 0, 255, tileBytes, tiles, out, offsets);
    }
  }

  private static final class Signed extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      for (int sub = 0; sub < subBlocks; sub++) {
        long own = entries + (long) LANES * sub;
        int at = to + sub * TilePanel.COLUMN;
        products(weights, block, 1, own, 0, -1, tileBytes, tiles, out, at);
      }
    }
  }

  private static final class Nibbles extends TileScales {
    @Override
    void decode(
        int subBlocks,
        int tileBytes,
        MemorySegment weights,
        long block,
        long entries,
        int tiles,
        float[] out,
        int to) {
      for (int i = 0; i < 2 * subBlocks; i++) {
        // the scales of all sub-blocks, then their offsets
        int offset = i / subBlocks;
        long half = block + 2L * LANES * offset;
        long own = entries + (long) LANES * (i % subBlocks);
        int at = to + i * TilePanel.COLUMN;
        products(weights, half, 1 - 2 * offset, own, 4 * offset, 15, tileBytes, tiles, out, at);
      }
    }
  }

  /**
   * Finite halves become floats, without a product of subnormal ones: it takes an Intel 150 cycles.
   */
  private static void halves(
      MemorySegment weights, long entries, int tileBytes, int tiles, float[] out, int to) {
    for (int tile = 0; tile < tiles; tile++) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        IntVector bits =
            (IntVector)
                ShortVector.fromMemorySegment(HALF_WIDTH, weights, entries + lane * 2L, ORDER)
                    .convertShape(VectorOperators.S2I, INTS, 0);
        // a subnormal number has the exponent 1 without the leading bit
        IntVector above = bits.lanewise(VectorOperators.LSHR, 10).and(31).max(1).sub(1);
        IntVector mantissa = bits.and(0x7FFF).sub(above.lanewise(VectorOperators.LSHL, 10));
        // 2^(above - 24), with the sign
        IntVector power =
            above.add(103).lanewise(VectorOperators.LSHL, 23).or(bits.and(Integer.MIN_VALUE));
        ((FloatVector) mantissa.convert(VectorOperators.I2F, 0))
            .mul(power.reinterpretAsFloats())
            .intoArray(out, to + lane);
      }
      entries += tileBytes;
      to += TILE_FLOATS;
    }
  }

  /**
   * sign * half * (entry >> shift & mask), exact: a product of 11 and 8 bits. The half of a
   * super-block is first decoded there where the first product goes.
   */
  private static void products(
      MemorySegment weights,
      long halves,
      float sign,
      long entries,
      int shift,
      int mask,
      int tileBytes,
      int tiles,
      float[] out,
      int to) {
    halves(weights, halves, 0, 1, out, to);
    if (Lanes.COUNT >= 8) {
      multiply(weights, sign, entries, shift, mask, tileBytes, tiles, out, to);
    } else {
      multiplyFour(weights, sign, entries, shift, mask, tileBytes, tiles, out, to);
    }
  }

  private static void multiply(
      MemorySegment weights,
      float sign,
      long entries,
      int shift,
      int mask,
      int tileBytes,
      int tiles,
      float[] out,
      int to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector half = FloatVector.fromArray(FLOATS, out, to + lane).mul(sign);
      long at = entries + lane;
      int into = to + lane;
      for (int tile = 0; tile < tiles; tile++) {
        IntVector small =
            (IntVector)
                ByteVector.fromMemorySegment(QUARTER_WIDTH, weights, at, ORDER)
                    .convertShape(VectorOperators.B2I, INTS, 0);
        IntVector part = small.lanewise(VectorOperators.ASHR, shift).and(mask);
        half.mul((FloatVector) part.convert(VectorOperators.I2F, 0)).intoArray(out, into);
        at += tileBytes;
        into += TILE_FLOATS;
      }
    }
  }

  /** Four bytes are less than the narrowest vector. */
  private static void multiplyFour(
      MemorySegment weights,
      float sign,
      long entries,
      int shift,
      int mask,
      int tileBytes,
      int tiles,
      float[] out,
      int to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector half = FloatVector.fromArray(FLOATS, out, to + lane).mul(sign);
      IntVector shifts = IntVector.fromArray(INTS, BYTE_SHIFTS, 0);
      long at = entries + lane;
      int into = to + lane;
      for (int tile = 0; tile < tiles; tile++) {
        IntVector small =
            IntVector.broadcast(INTS, weights.get(JAVA_INT_UNALIGNED, at))
                .lanewise(VectorOperators.LSHL, shifts)
                .lanewise(VectorOperators.ASHR, 24);
        IntVector part = small.lanewise(VectorOperators.ASHR, shift).and(mask);
        half.mul((FloatVector) part.convert(VectorOperators.I2F, 0)).intoArray(out, into);
        at += tileBytes;
        into += TILE_FLOATS;
      }
    }
  }

  /** 2^(e - 128); the two smallest are subnormal. */
  private static void powers(
      MemorySegment weights, long entries, int tileBytes, int tiles, float[] out, int to) {
    for (int tile = 0; tile < tiles; tile++) {
      for (int lane = 0; lane < LANES; lane++) {
        int e = weights.get(JAVA_BYTE, entries + lane) & 255;
        out[to + lane] = Float.intBitsToFloat(e < 2 ? 0x00200000 << e : e - 1 << 23);
      }
      entries += tileBytes;
      to += TILE_FLOATS;
    }
  }
}
