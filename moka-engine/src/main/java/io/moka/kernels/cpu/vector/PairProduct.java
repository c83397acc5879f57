package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.INTS;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * The product of a rounded row or two with quantised strips: a run of tiles at a time, {@link
 * PairCodes} yields the sums of its codes and {@link TileScales} its scales, and {@code acc =
 * fma(I, scale * da, acc)}. One strip after the other: one stream is what a core of a Zen reads
 * fastest.
 */
final class PairProduct {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int COLUMN = TilePanel.COLUMN;

  /** Tiles whose integers are summed before their scales are applied: a super-block. */
  private static final int RUN_TILES = 8;

  private static final int MOST_SUB_BLOCKS = 2;
  private static final int SCALES_AT = (RUN_TILES + 1) * MOST_SUB_BLOCKS * PairCodes.SUMS;

  private static final int SUMS_AT = SCALES_AT + RUN_TILES * TileScales.TILE_FLOATS;

  /** Integer sums of a run, its scales, the sums of a row. */
  private static final int SCRATCH = SUMS_AT + PackedMatrix.GROUP_ROWS;

  /** Words of a row's block. */
  private static final int BLOCK = RoundedRow.WHOLE_BYTES / Integer.BYTES;

  private static final int SCALE = RoundedRow.SCALE / Float.BYTES;

  private PairProduct() {}

  /** Whether there is a product in 16-bit lanes for a layout. */
  static boolean serves(TileLayout layout) {
    return PairCodes.of(layout).isPresent();
  }

  /**
   * Multiplies some rows.
   *
   * @param layout of the strips, one that is served
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param tiles tiles of a strip
   * @param x memory of the rounded rows, with their pairs
   * @param at where they begin: a block of each, then the next
   * @param count rows
   * @param sums takes [count, 64]
   * @param scratch the worker's
   */
  static void multiply(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      long stripBytes,
      int strips,
      int tiles,
      MemorySegment x,
      long at,
      int count,
      MemorySegment sums,
      Scratch scratch) {
    int words = tiles * count * BLOCK;
    int[] blocks = scratch.ints(words);
    MemorySegment.copy(x, JAVA_INT_UNALIGNED, at, blocks, 0, words);
    float[] floats = scratch.floats(SCRATCH);
    for (int row = 0; row < count; row++) {
      Arrays.fill(floats, SUMS_AT, SCRATCH, 0);
      for (int s = 0; s < strips; s++) {
        strip(
            layout,
            weights,
            strip + s * stripBytes,
            tiles,
            blocks,
            row * BLOCK,
            count * BLOCK,
            floats,
            SUMS_AT + s * LANES);
      }
      MemorySegment.copy(
          floats,
          SUMS_AT,
          sums,
          JAVA_FLOAT_UNALIGNED,
          row * GroupProducts.SUM_BYTES,
          PackedMatrix.GROUP_ROWS);
    }
  }

  private static void strip(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      int tiles,
      int[] x,
      int row,
      int step,
      float[] scratch,
      int to) {
    PairCodes codes = PairCodes.of(layout).orElseThrow();
    TileScales scales = TileScales.of(layout);
    int subBlocks = layout.subBlocks();
    for (int first = 0; first < tiles; first += RUN_TILES) {
      int count = Math.min(RUN_TILES, tiles - first);
      long block = TilePanel.blockOffset(layout, strip, first);
      long tile = TilePanel.tileOffset(layout, strip, first);
      codes.sum(layout, weights, tile, count, x, row, step, scratch);
      scales.decode(layout, weights, block, tile, count, scratch, SCALES_AT);
      if (layout.scales().hasOffset()) {
        foldWithOffsets(subBlocks, count, x, row, step, scratch, to);
      } else {
        fold(subBlocks, count, x, row, step, scratch, to);
      }
      row += count * step;
    }
  }

  /** acc = fma(I, scale * da, acc) over the sub-blocks of a run. */
  private static void fold(
      int subBlocks, int tiles, int[] x, int block, int step, float[] scratch, int to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromArray(FLOATS, scratch, to + lane);
      int integers = lane;
      int scales = SCALES_AT + lane;
      int from = block + SCALE;
      for (int tile = 0; tile < tiles; tile++) {
        FloatVector rowScale = IntVector.broadcast(INTS, x[from]).reinterpretAsFloats();
        for (int sub = 0; sub < subBlocks; sub++) {
          FloatVector scale = FloatVector.fromArray(FLOATS, scratch, scales + sub * COLUMN);
          total = FloatVector.fromArray(FLOATS, scratch, integers).fma(scale.mul(rowScale), total);
          integers += COLUMN;
        }
        scales += TileScales.TILE_FLOATS;
        from += step;
      }
      total.intoArray(scratch, to + lane);
    }
  }

  /** As {@link #fold}, and acc = fma(offset, da * sum of a, acc) after each. */
  private static void foldWithOffsets(
      int subBlocks, int tiles, int[] x, int block, int step, float[] scratch, int to) {
    int sumsAt = (subBlocks == 1 ? RoundedRow.WHOLE_SUM : RoundedRow.HALF_SUMS) / Float.BYTES;
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromArray(FLOATS, scratch, to + lane);
      int integers = lane;
      int scales = SCALES_AT + lane;
      int from = block;
      for (int tile = 0; tile < tiles; tile++) {
        FloatVector rowScale = IntVector.broadcast(INTS, x[from + SCALE]).reinterpretAsFloats();
        for (int sub = 0; sub < subBlocks; sub++) {
          int at = scales + sub * COLUMN;
          FloatVector scale = FloatVector.fromArray(FLOATS, scratch, at);
          total = FloatVector.fromArray(FLOATS, scratch, integers).fma(scale.mul(rowScale), total);
          FloatVector sum = IntVector.broadcast(INTS, x[from + sumsAt + sub]).reinterpretAsFloats();
          total = FloatVector.fromArray(FLOATS, scratch, at + subBlocks * COLUMN).fma(sum, total);
          integers += COLUMN;
        }
        scales += TileScales.TILE_FLOATS;
        from += step;
      }
      total.intoArray(scratch, to + lane);
    }
  }
}
