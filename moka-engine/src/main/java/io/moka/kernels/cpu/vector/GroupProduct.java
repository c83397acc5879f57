package io.moka.kernels.cpu.vector;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.vector.StripProduct.StripFormat;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * The product of up to 128 rows with a group of strips, whatever the format. A format that needs
 * arithmetic is decoded into a panel of floats, once for all rows; the others are read as they lie.
 */
final class GroupProduct {
  /** Rows that one call takes at most. */
  static final int MAX_ROWS = GroupProducts.MAX_ROWS;

  private GroupProduct() {}

  /** Floats of a tile. */
  private static final int TILE = TileLayout.TILE_COLUMNS * TilePanel.COLUMN;

  /**
   * Computes {@code scratch.sums[i][r] = sum over c of x_i[c] w[r][c]}.
   *
   * @param format how the strips hold their numbers
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param columns columns
   * @param x memory of the rows, whose beginnings are in the scratch
   * @param count rows, at most {@link #MAX_ROWS}
   * @param scratch the worker's
   */
  static void multiply(
      WeightFormat format,
      MemorySegment weights,
      long strip,
      long stripBytes,
      int strips,
      int columns,
      MemorySegment x,
      int count,
      Scratch scratch) {
    int pairs = (columns + 1) / 2;
    switch (format) {
      case F32 ->
          multiplyTiles(
              StripFormat.F32, weights, strip, stripBytes, strips, pairs, x, count, scratch);
      case BF16 ->
          multiplyTiles(
              StripFormat.BF16, weights, strip, stripBytes, strips, pairs, x, count, scratch);
      case F16 -> {
        long panelStrip = PackedMatrix.stripBytes(WeightFormat.F32, columns);
        MemorySegment panel = scratch.panel(panelStrip * strips);
        short[] halves = scratch.shorts(TILE);
        float[] values = scratch.floats(TILE);
        for (int s = 0; s < strips; s++) {
          decodeHalves(
              weights, strip + s * stripBytes, pairs, halves, values, panel, s * panelStrip);
        }
        multiplyTiles(StripFormat.F32, panel, 0, panelStrip, strips, pairs, x, count, scratch);
      }
      default -> {
        TileLayout layout = format.tiles().orElseThrow();
        long panelStrip = PackedMatrix.stripBytes(WeightFormat.F32, columns);
        MemorySegment panel = scratch.panel(panelStrip * strips);
        float[] values = scratch.floats(TILE + TileScales.TILE_FLOATS);
        for (int s = 0; s < strips; s++) {
          decodeTiles(
              layout, weights, strip + s * stripBytes, columns, values, panel, s * panelStrip);
        }
        multiplyTiles(StripFormat.F32, panel, 0, panelStrip, strips, pairs, x, count, scratch);
      }
    }
  }

  /** As above, for strips that are read as they lie. */
  static void multiplyTiles(
      StripFormat format,
      MemorySegment weights,
      long strip,
      long stripBytes,
      int strips,
      int pairs,
      MemorySegment x,
      int count,
      Scratch scratch) {
    for (int row = 0; row < count; ) {
      int tile = StripProduct.tileRows(count - row);
      StripProduct.multiply(
          format,
          weights,
          strip,
          stripBytes,
          strips,
          pairs,
          x,
          scratch.rows(),
          row,
          tile,
          scratch.sums());
      row += tile;
    }
  }

  /** One strip of tiles becomes one strip of floats. */
  private static void decodeTiles(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      int columns,
      float[] values,
      MemorySegment panel,
      long to) {
    for (int tile = 0; tile < columns / TileLayout.TILE_COLUMNS; tile++) {
      long at = TilePanel.tileOffset(layout, strip, tile);
      long block = TilePanel.blockOffset(layout, strip, tile);
      TilePanel.codes(layout, weights, at, values, 0);
      TileScales.of(layout).decode(layout, weights, block, at, 1, values, TILE);
      TilePanel.toValues(layout, values, 0, TILE);
      long out = to + (long) tile * TILE * Float.BYTES;
      MemorySegment.copy(values, 0, panel, ValueLayout.JAVA_FLOAT, out, TILE);
    }
  }

  /** One strip of binary16 becomes one strip of floats: a plain loop that the compiler widens. */
  private static void decodeHalves(
      MemorySegment weights,
      long from,
      int pairs,
      short[] halves,
      float[] values,
      MemorySegment panel,
      long to) {
    int length = 2 * pairs * PackedMatrix.STRIP_ROWS;
    for (int done = 0; done < length; done += TILE) {
      int count = Math.min(TILE, length - done);
      MemorySegment.copy(
          weights, ValueLayout.JAVA_SHORT, from + (long) done * Short.BYTES, halves, 0, count);
      for (int i = 0; i < count; i++) {
        values[i] = Float.float16ToFloat(halves[i]);
      }
      MemorySegment.copy(
          values, 0, panel, ValueLayout.JAVA_FLOAT, to + (long) done * Float.BYTES, count);
    }
  }
}
