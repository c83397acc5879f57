package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.INTS;
import static io.moka.kernels.cpu.Lanes.ORDER;

import io.moka.kernels.cpu.Lanes;
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
 *
 * <p>Here and wherever vectors go to arrays, methods call the API itself and hand no vector to each
 * other: C2 stops inlining methods of ours in a compilation that has grown large, and then boxes
 * what goes in and out of them.
 */
final class TilePanel {
  /** Floats of a column. */
  static final int COLUMN = PackedMatrix.STRIP_ROWS;

  private static final long VECTOR = TileLayout.VECTOR_BYTES;
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int QUADS = 8;

  /** Floats of half a tile. */
  private static final int HALF = TileLayout.TILE_COLUMNS / 2 * COLUMN;

  /** A float whose lower bits count in ones. */
  private static final float WHOLE = 0x1p23f;

  private static final int WHOLE_BITS = Float.floatToRawIntBits(WHOLE);

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

  /** The codes of a tile, as floats: column c at {@code to + c * COLUMN}. */
  static void codes(TileLayout layout, MemorySegment weights, long tile, float[] panel, int to) {
    if (layout.codes() instanceof Codes.Table table) {
      tableCodes(table, weights, tile, panel, to);
      return;
    }
    int bias = -layout.codes().value(0);
    if (layout.high() != HighPlane.NONE || layout.low() == LowPlane.PAIRS) {
      planes(layout.low(), layout.high(), bias, weights, tile, panel, to);
    } else if (layout.low() == LowPlane.NIBBLES) {
      nibbles(bias, weights, tile, panel, to);
    } else {
      bytes(bias, weights, tile, panel, to);
    }
  }

  /** A word of 8 nibbles: four columns, and the four that follow 16 columns on. */
  private static void nibbles(int bias, MemorySegment weights, long tile, float[] panel, int to) {
    IntVector whole = IntVector.broadcast(INTS, WHOLE_BITS);
    IntVector nibble = IntVector.broadcast(INTS, 15);
    FloatVector less = FloatVector.broadcast(FLOATS, WHOLE + bias);
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      int out = to + lane;
      for (int vector = 0; vector < QUADS / 2; vector++) {
        IntVector words =
            IntVector.fromMemorySegment(INTS, weights, tile + vector * VECTOR + lane * 4L, ORDER);
        words.and(nibble).or(whole).reinterpretAsFloats().sub(less).intoArray(panel, out);
        words
            .lanewise(VectorOperators.LSHR, 4)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + HALF);
        words
            .lanewise(VectorOperators.LSHR, 8)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 1 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 12)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 1 * COLUMN + HALF);
        words
            .lanewise(VectorOperators.LSHR, 16)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 2 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 20)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 2 * COLUMN + HALF);
        words
            .lanewise(VectorOperators.LSHR, 24)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 3 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 28)
            .and(nibble)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 3 * COLUMN + HALF);
        out += 4 * COLUMN;
      }
    }
  }

  private static void bytes(int bias, MemorySegment weights, long tile, float[] panel, int to) {
    IntVector whole = IntVector.broadcast(INTS, WHOLE_BITS);
    IntVector code = IntVector.broadcast(INTS, 255);
    FloatVector less = FloatVector.broadcast(FLOATS, WHOLE + bias);
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      int out = to + lane;
      for (int quad = 0; quad < QUADS; quad++) {
        IntVector words =
            IntVector.fromMemorySegment(INTS, weights, tile + quad * VECTOR + lane * 4L, ORDER);
        words.and(code).or(whole).reinterpretAsFloats().sub(less).intoArray(panel, out);
        words
            .lanewise(VectorOperators.LSHR, 8)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 1 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 16)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 2 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 24)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 3 * COLUMN);
        out += 4 * COLUMN;
      }
    }
  }

  private static void planes(
      LowPlane low,
      HighPlane high,
      int bias,
      MemorySegment weights,
      long tile,
      float[] panel,
      int to) {
    IntVector whole = IntVector.broadcast(INTS, WHOLE_BITS);
    IntVector code = IntVector.broadcast(INTS, 255);
    FloatVector less = FloatVector.broadcast(FLOATS, WHOLE + bias);
    int up = low.bits();
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      long at = tile + lane * 4L;
      // where there is no high plane, its mask leaves nothing of what is read in its place
      long plane = high == HighPlane.NONE ? at : at + low.vectors() * VECTOR;
      int out = to + lane;
      for (int quad = 0; quad < QUADS; quad++) {
        IntVector above =
            IntVector.fromMemorySegment(INTS, weights, plane + high.vector(quad) * VECTOR, ORDER)
                .lanewise(VectorOperators.LSHR, high.shift(quad))
                .and(high.mask())
                .lanewise(VectorOperators.LSHL, up);
        IntVector words =
            IntVector.fromMemorySegment(INTS, weights, at + low.vector(quad) * VECTOR, ORDER)
                .lanewise(VectorOperators.LSHR, low.shift(quad))
                .and(low.mask())
                .or(above);
        words.and(code).or(whole).reinterpretAsFloats().sub(less).intoArray(panel, out);
        words
            .lanewise(VectorOperators.LSHR, 8)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 1 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 16)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 2 * COLUMN);
        words
            .lanewise(VectorOperators.LSHR, 24)
            .and(code)
            .or(whole)
            .reinterpretAsFloats()
            .sub(less)
            .intoArray(panel, out + 3 * COLUMN);
        out += 4 * COLUMN;
      }
    }
  }

  /** Nibbles that are places in a table of 16. */
  private static void tableCodes(
      Codes.Table table, MemorySegment weights, long tile, float[] panel, int to) {
    int[] values = table.ints();
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      for (int vector = 0; vector < 4; vector++) {
        IntVector words =
            IntVector.fromMemorySegment(INTS, weights, tile + vector * VECTOR + lane * 4L, ORDER);
        for (int nibble = 0; nibble < 8; nibble++) {
          int column = 4 * vector + nibble / 2 + nibble % 2 * 16;
          IntVector places = words.lanewise(VectorOperators.LSHR, 4 * nibble).and(15);
          int out = to + column * COLUMN + lane;
          if (Lanes.COUNT == 16) {
            IntVector entries = places.selectFrom(IntVector.fromArray(INTS, values, 0));
            ((FloatVector) entries.convert(VectorOperators.I2F, 0)).intoArray(panel, out);
          } else {
            ((FloatVector) places.convert(VectorOperators.I2F, 0)).intoArray(panel, out);
            lookUp(values, panel, out);
          }
        }
      }
    }
  }

  /** Where a table is wider than a vector: one lane after the other. */
  private static void lookUp(int[] values, float[] panel, int at) {
    for (int lane = 0; lane < Lanes.COUNT; lane++) {
      panel[at + lane] = values[(int) panel[at + lane]];
    }
  }

  /** Codes of a tile become its numbers, in place. */
  static void toValues(TileLayout layout, float[] panel, int at, int from) {
    boolean offsets = layout.scales().hasOffset();
    for (int sub = 0; sub < layout.subBlocks(); sub++) {
      for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
        int scaleAt = from + sub * COLUMN + lane;
        FloatVector scale = FloatVector.fromArray(FLOATS, panel, scaleAt);
        FloatVector offset =
            offsets
                ? FloatVector.fromArray(FLOATS, panel, scaleAt + layout.subBlocks() * COLUMN)
                : FloatVector.zero(FLOATS);
        int first = at + sub * layout.subColumns() * COLUMN + lane;
        for (int column = 0; column < layout.subColumns(); column++) {
          int where = first + column * COLUMN;
          FloatVector product = FloatVector.fromArray(FLOATS, panel, where).mul(scale);
          // two roundings, as the file's format defines its numbers
          (offsets ? product.add(offset) : product).intoArray(panel, where);
        }
      }
    }
  }
}
