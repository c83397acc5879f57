package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.INTS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Decodes the scales and offsets of a tile's sub-blocks, 16 floats each. A class for each kind, not
 * a choice within one method: with all kinds in one method C2's inliner gives up half-way, and
 * boxes the vectors of whichever kind it came to last.
 */
abstract sealed class TileScales {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
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
   * The scales of the sub-blocks, then their offsets where the format has them.
   *
   * @param layout of the tile
   * @param weights memory of the tile
   * @param block where the halves of the tile's super-block lie
   * @param tile where the tile begins
   * @param out takes the floats
   * @param to where they begin, in bytes
   */
  abstract void decode(
      TileLayout layout, MemorySegment weights, long block, long tile, MemorySegment out, long to);

  private static long entries(TileLayout layout, long tile) {
    return tile + layout.codeVectors() * TilePanel.COLUMN_BYTES;
  }

  private static final class Half extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      halves(weights, entries(layout, tile), out, to);
    }
  }

  private static final class HalfAndOffset extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      for (int i = 0; i < 2; i++) {
        long entry = entries(layout, tile) + 2L * LANES * i;
        halves(weights, entry, out, to + i * layout.subBlocks() * TilePanel.COLUMN_BYTES);
      }
    }
  }

  private static final class Exponent extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      powers(weights, entries(layout, tile), out, to);
    }
  }

  private static final class ByteAndOffset extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      for (int i = 0; i < 2; i++) {
        long half = block + 2L * LANES * i;
        long entry = entries(layout, tile) + (long) LANES * i;
        long at = to + i * layout.subBlocks() * TilePanel.COLUMN_BYTES;
        products(weights, half, 1 - 2 * i, entry, 0, 255, out, at);
      }
    }
  }

  private static final class Signed extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        long entry = entries(layout, tile) + (long) LANES * sub;
        products(weights, block, 1, entry, 0, -1, out, to + sub * TilePanel.COLUMN_BYTES);
      }
    }
  }

  private static final class Nibbles extends TileScales {
    @Override
    void decode(
        TileLayout layout,
        MemorySegment weights,
        long block,
        long tile,
        MemorySegment out,
        long to) {
      for (int i = 0; i < 2 * layout.subBlocks(); i++) {
        // the scales of all sub-blocks, then their offsets
        int offset = i / layout.subBlocks();
        long half = block + 2L * LANES * offset;
        long entry = entries(layout, tile) + (long) LANES * (i % layout.subBlocks());
        long at = to + i * TilePanel.COLUMN_BYTES;
        products(weights, half, 1 - 2 * offset, entry, 4 * offset, 15, out, at);
      }
    }
  }

  private static void halves(MemorySegment weights, long halves, MemorySegment out, long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      Lanes.halves(weights, halves + lane * 2L).intoMemorySegment(out, to + lane * 4L, ORDER);
    }
  }

  /** sign * half * (entry >> shift & mask), exact: a product of 11 and 8 bits. */
  private static void products(
      MemorySegment weights,
      long halves,
      float sign,
      long entries,
      int shift,
      int mask,
      MemorySegment out,
      long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      IntVector small =
          Lanes.bytes(weights, entries + lane).lanewise(VectorOperators.ASHR, shift).and(mask);
      Lanes.halves(weights, halves + lane * 2L)
          .mul((FloatVector) small.convert(VectorOperators.I2F, 0))
          .mul(sign)
          .intoMemorySegment(out, to + lane * 4L, ORDER);
    }
  }

  /** 2^(e - 128); the two smallest are subnormal. */
  private static void powers(MemorySegment weights, long entries, MemorySegment out, long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      IntVector e = Lanes.bytes(weights, entries + lane).and(255);
      IntVector normal = e.sub(1).lanewise(VectorOperators.LSHL, 23);
      IntVector subnormal = IntVector.broadcast(INTS, 0x00200000).lanewise(VectorOperators.LSHL, e);
      normal
          .blend(subnormal, e.compare(VectorOperators.LT, 2))
          .intoMemorySegment(out, to + lane * 4L, ORDER);
    }
  }
}
