package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The product of one rounded row with quantised strips: a run of tiles at a time, {@link PairCodes}
 * yields the sums of its codes and {@link TileScales} its scales, and {@code acc = fma(I, scale *
 * da, acc)}. One strip after the other, since one stream is what a core reads fastest.
 */
final class PairProduct {
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int COLUMN = TilePanel.COLUMN;

  /** Tiles whose integers are summed before their scales are applied: a super-block. */
  private static final int RUN_TILES = 8;

  private static final int MOST_SUB_BLOCKS = 2;
  private static final int SCALES_AT = RUN_TILES * MOST_SUB_BLOCKS * PairCodes.SUMS;

  /** Integer sums of a run, then its scales. */
  static final int SCRATCH = SCALES_AT + RUN_TILES * TileScales.TILE_FLOATS;

  private PairProduct() {}

  /** Whether there is a product in 16-bit lanes for a layout. */
  static boolean serves(TileLayout layout) {
    return PairCodes.of(layout).isPresent();
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
   * @param blockBytes from one of its blocks to the next
   * @param sums 64 floats, begun with zeros
   * @param to where they begin
   * @param scratch {@link #SCRATCH}
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
      int blockBytes,
      MemorySegment sums,
      long to,
      float[] scratch) {
    PairCodes codes = PairCodes.of(layout).orElseThrow();
    TileScales scales = TileScales.of(layout);
    for (int s = 0; s < strips; s++) {
      long own = strip + s * stripBytes;
      for (int first = 0; first < tiles; first += RUN_TILES) {
        int count = Math.min(RUN_TILES, tiles - first);
        long block = TilePanel.blockOffset(layout, own, first);
        long tile = TilePanel.tileOffset(layout, own, first);
        long rounded = row + (long) first * blockBytes;
        codes.sum(layout, weights, tile, count, x, rounded, blockBytes, scratch);
        scales.decode(layout, weights, block, tile, count, scratch, SCALES_AT);
        long out = to + s * LANES * 4L;
        if (layout.scales().hasOffset()) {
          foldWithOffsets(layout.subBlocks(), count, x, rounded, blockBytes, scratch, sums, out);
        } else {
          fold(layout.subBlocks(), count, x, rounded, blockBytes, scratch, sums, out);
        }
      }
    }
  }

  /** acc = fma(I, scale * da, acc) over the sub-blocks of a run. */
  private static void fold(
      int subBlocks,
      int tiles,
      MemorySegment x,
      long block,
      int blockBytes,
      float[] scratch,
      MemorySegment sums,
      long to) {
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, sums, to + lane * 4L, ORDER);
      for (int i = 0; i < tiles * subBlocks; i++) {
        int tile = subBlocks == 1 ? i : i / 2;
        int sub = i - tile * subBlocks;
        int scale = SCALES_AT + tile * TileScales.TILE_FLOATS + sub * COLUMN + lane;
        total =
            FloatVector.fromArray(FLOATS, scratch, i * COLUMN + lane)
                .fma(
                    FloatVector.fromArray(FLOATS, scratch, scale)
                        .mul(
                            x.get(
                                JAVA_FLOAT_UNALIGNED,
                                block + (long) tile * blockBytes + RoundedRow.SCALE)),
                    total);
      }
      total.intoMemorySegment(sums, to + lane * 4L, ORDER);
    }
  }

  /** As {@link #fold}, and acc = fma(offset, da * sum of a, acc) after each. */
  private static void foldWithOffsets(
      int subBlocks,
      int tiles,
      MemorySegment x,
      long block,
      int blockBytes,
      float[] scratch,
      MemorySegment sums,
      long to) {
    int sumsAt = subBlocks == 1 ? RoundedRow.WHOLE_SUM : RoundedRow.HALF_SUMS;
    for (int lane = 0; lane < LANES; lane += Lanes.COUNT) {
      FloatVector total = FloatVector.fromMemorySegment(FLOATS, sums, to + lane * 4L, ORDER);
      for (int i = 0; i < tiles * subBlocks; i++) {
        int tile = subBlocks == 1 ? i : i / 2;
        int sub = i - tile * subBlocks;
        int scale = SCALES_AT + tile * TileScales.TILE_FLOATS + sub * COLUMN + lane;
        total =
            FloatVector.fromArray(FLOATS, scratch, i * COLUMN + lane)
                .fma(
                    FloatVector.fromArray(FLOATS, scratch, scale)
                        .mul(
                            x.get(
                                JAVA_FLOAT_UNALIGNED,
                                block + (long) tile * blockBytes + RoundedRow.SCALE)),
                    total);
        float sum =
            x.get(JAVA_FLOAT_UNALIGNED, block + (long) tile * blockBytes + sumsAt + 4L * sub);
        total =
            FloatVector.fromArray(FLOATS, scratch, scale + subBlocks * COLUMN)
                .fma(FloatVector.broadcast(FLOATS, sum), total);
      }
      total.intoMemorySegment(sums, to + lane * 4L, ORDER);
    }
  }
}
