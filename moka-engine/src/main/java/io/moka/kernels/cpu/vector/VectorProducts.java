package io.moka.kernels.cpu.vector;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.Scratch;
import io.moka.kernels.cpu.vector.StripProduct.StripFormat;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;

/** The products on the Vector API. A tile holds a block of each of its rows, then the next. */
public final class VectorProducts implements GroupProducts {
  private final Activations activations;

  /**
   * Needs nothing of the machine.
   *
   * @param activations which rows are rounded
   */
  public VectorProducts(Activations activations) {
    this.activations = activations;
  }

  @Override
  public String description() {
    return "vector, " + Lanes.BYTES * 8 + " bits";
  }

  @Override
  public boolean usesTiles(WeightFormat format) {
    return activations.rounds(format);
  }

  @Override
  public int tileRows(WeightFormat format, int rows) {
    return PanelProduct.TILE_ROWS;
  }

  @Override
  public long tileRowBytes(WeightFormat format, int columns) {
    return activations.roundsToBf16(format) ? Bf16Row.bytes(columns) : RoundedRow.bytes(columns);
  }

  @Override
  public void quantise(
      WeightFormat format,
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows,
      int columns,
      Scratch scratch) {
    for (int i = row; i < end; i++) {
      long first = from + (i - row) * xStride;
      if (activations.roundsToBf16(format)) {
        long to = at + i * Bf16Row.bytes(columns) + firstColumn * (long) Float.BYTES;
        Bf16Row.round(x, first, count, tiles, to);
      } else {
        round(format, x, first, firstColumn, count, tiles, at, i, rows);
      }
    }
  }

  /** Rounds columns of one row to 8 bits. */
  private static void round(
      WeightFormat format,
      MemorySegment x,
      long from,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int rows) {
    TileLayout layout = format.tiles().orElseThrow();
    boolean pairs = rows <= RoundedRow.PAIR_ROWS && PairProduct.serves(layout);
    boolean nibbles = PairCodes.readsNibbles(layout);
    long blockBytes = RoundedRow.blockBytes(rows);
    long to = at + (firstColumn / TileLayout.TILE_COLUMNS * (long) rows + row) * blockBytes;
    for (int i = 0; i < count; i += TileLayout.TILE_COLUMNS) {
      RoundedRow.round(x, from, tiles, to);
      if (pairs) {
        RoundedRow.pair(nibbles, tiles, to);
      }
      from += TileLayout.TILE_COLUMNS * (long) Float.BYTES;
      to += rows * blockBytes;
    }
  }

  @Override
  public void multiplyTiles(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    long strip = group * weights.groupBytes();
    int strips = strips(weights, group, groups);
    if (activations.roundsToBf16(weights.format())) {
      long rowBytes = Bf16Row.bytes(weights.columns());
      for (int i = 0; i < count; i++) {
        scratch.rows()[i] = at + i * rowBytes;
      }
      GroupProduct.multiplyTiles(
          StripFormat.BF16_SWAPPED,
          weights.data(),
          strip,
          weights.stripBytes(),
          strips,
          (weights.columns() + 1) / 2,
          tiles,
          count,
          scratch);
      return;
    }
    TileLayout layout = weights.format().tiles().orElseThrow();
    MemorySegment sums = scratch.sums();
    int rowTiles = weights.columns() / TileLayout.TILE_COLUMNS;
    if (count > RoundedRow.PAIR_ROWS || !PairProduct.serves(layout)) {
      PanelProduct.multiply(
          layout,
          weights.data(),
          strip,
          weights.stripBytes(),
          strips,
          rowTiles,
          tiles,
          at,
          count,
          sums,
          scratch.floats(PanelProduct.SCRATCH));
      return;
    }
    PairProduct.multiply(
        layout,
        weights.data(),
        strip,
        weights.stripBytes(),
        strips,
        rowTiles,
        tiles,
        at,
        count,
        sums,
        scratch);
  }

  @Override
  public void multiplyRows(
      PackedMatrix weights, int group, int groups, MemorySegment x, int count, Scratch scratch) {
    GroupProduct.multiply(
        weights.format(),
        weights.data(),
        group * weights.groupBytes(),
        weights.stripBytes(),
        strips(weights, group, groups),
        weights.columns(),
        x,
        count,
        scratch);
  }

  /** Strips of the one group of a call that hold rows of the matrix. */
  private static int strips(PackedMatrix weights, int group, int groups) {
    if (groups != 1) {
      throw new IllegalArgumentException(groups + " groups; a call takes one");
    }
    int rows = Math.min(PackedMatrix.GROUP_ROWS, weights.rows() - group * PackedMatrix.GROUP_ROWS);
    return Math.ceilDiv(rows, PackedMatrix.STRIP_ROWS);
  }

  @Override
  public void close() {}
}
