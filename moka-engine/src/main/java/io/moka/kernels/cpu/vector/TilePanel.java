package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.INTS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.TileLayout.Codes;
import io.moka.weights.TileLayout.HighPlane;
import io.moka.weights.TileLayout.LowPlane;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/**
 * Decodes tiles of a quantised strip into float lanes. A tile becomes 32 columns of 16 codes, as a
 * strip of F32 holds its columns; {@link TileScales} does the scales and offsets of its sub-blocks.
 */
final class TilePanel {
  static final long COLUMN_BYTES = PackedMatrix.STRIP_ROWS * (long) Float.BYTES;

  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int QUADS = 8;

  private TilePanel() {}

  /** Where a tile begins; {@code tile} counts from the strip's beginning. */
  static long tileOffset(TileLayout layout, long strip, int tile) {
    return blockOffset(layout, strip, tile)
        + layout.headerBytes()
        + (long) (tile % layout.blockTiles()) * layout.tileBytes();
  }

  /** Where the block of a tile begins, with its halves. */
  static long blockOffset(TileLayout layout, long strip, int tile) {
    return strip + (long) (tile / layout.blockTiles()) * layout.blockBytes();
  }

  /** The codes of a tile, as floats: column c at {@code to + c * COLUMN_BYTES}. */
  static void codes(
      TileLayout layout, MemorySegment weights, long tile, MemorySegment panel, long to) {
    if (layout.codes() instanceof Codes.Table table) {
      tableCodes(table, weights, tile, panel, to);
      return;
    }
    LowPlane low = layout.low();
    HighPlane high = layout.high();
    int bias = -layout.codes().value(0);
    int up = low.bits();
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      long at = tile + lane * 4L;
      long plane = at + low.vectors() * COLUMN_BYTES;
      long out = to + lane * 4L;
      for (int quad = 0; quad < QUADS; quad++) {
        // where there is no high plane, its mask leaves nothing of what is read in its place
        IntVector words =
            bits(weights, at + low.vector(quad) * COLUMN_BYTES, low.shift(quad), low.mask())
                .or(
                    bits(
                            weights,
                            (high == HighPlane.NONE ? at : plane)
                                + high.vector(quad) * COLUMN_BYTES,
                            high.shift(quad),
                            high.mask())
                        .lanewise(VectorOperators.LSHL, up));
        spread(words, bias, panel, out);
        out += 4 * COLUMN_BYTES;
      }
    }
  }

  private static IntVector bits(MemorySegment weights, long at, int shift, int mask) {
    return IntVector.fromMemorySegment(INTS, weights, at, ORDER)
        .lanewise(VectorOperators.LSHR, shift)
        .and(mask);
  }

  /** Words of a byte for each of four columns become these columns. */
  private static void spread(IntVector words, int bias, MemorySegment panel, long to) {
    for (int b = 0; b < 4; b++) {
      IntVector code = words.lanewise(VectorOperators.LSHR, 8 * b).and(255).sub(bias);
      ((FloatVector) code.convert(VectorOperators.I2F, 0))
          .intoMemorySegment(panel, to + b * COLUMN_BYTES, ORDER);
    }
  }

  /** Nibbles that are places in a table of 16. */
  private static void tableCodes(
      Codes.Table table, MemorySegment weights, long tile, MemorySegment panel, long to) {
    int[] values = table.ints();
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      for (int vector = 0; vector < 4; vector++) {
        IntVector words =
            IntVector.fromMemorySegment(
                INTS, weights, tile + vector * COLUMN_BYTES + lane * 4L, ORDER);
        for (int nibble = 0; nibble < 8; nibble++) {
          int column = 4 * vector + nibble / 2 + nibble % 2 * 16;
          IntVector places = words.lanewise(VectorOperators.LSHR, 4 * nibble).and(15);
          long out = to + column * COLUMN_BYTES + lane * 4L;
          if (Lanes.COUNT == 16) {
            IntVector entries = places.selectFrom(IntVector.fromArray(INTS, values, 0));
            ((FloatVector) entries.convert(VectorOperators.I2F, 0))
                .intoMemorySegment(panel, out, ORDER);
          } else {
            places.intoMemorySegment(panel, out, ORDER);
            lookUp(values, panel, out);
          }
        }
      }
    }
  }

  /** Where a table is wider than a vector: one lane after the other. */
  private static void lookUp(int[] values, MemorySegment panel, long at) {
    for (int lane = 0; lane < Lanes.COUNT; lane++) {
      long offset = at + lane * 4L;
      panel.set(JAVA_FLOAT, offset, values[panel.get(JAVA_INT, offset)]);
    }
  }

  /** Codes of a tile become its numbers, in place. */
  static void toValues(
      TileLayout layout, MemorySegment panel, long at, MemorySegment s, long from) {
    boolean offsets = layout.scales().hasOffset();
    for (int sub = 0; sub < layout.subBlocks(); sub++) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        long scaleAt = from + sub * COLUMN_BYTES + lane * 4L;
        FloatVector scale = FloatVector.fromMemorySegment(FLOATS, s, scaleAt, ORDER);
        FloatVector offset =
            offsets
                ? FloatVector.fromMemorySegment(
                    FLOATS, s, scaleAt + layout.subBlocks() * COLUMN_BYTES, ORDER)
                : FloatVector.zero(FLOATS);
        long first = at + sub * layout.subColumns() * COLUMN_BYTES + lane * 4L;
        for (int column = 0; column < layout.subColumns(); column++) {
          long where = first + column * COLUMN_BYTES;
          FloatVector product =
              FloatVector.fromMemorySegment(FLOATS, panel, where, ORDER).mul(scale);
          // two roundings, as the file's format defines its numbers
          (offsets ? product.add(offset) : product).intoMemorySegment(panel, where, ORDER);
        }
      }
    }
  }
}
