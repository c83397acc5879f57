package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Lanes;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;

/**
 * Products of rounded rows with quantised strips in float lanes: codes are decoded into a panel
 * that stays in the first-level cache, and multiplied there. Within a sub-block every partial sum
 * is an integer below 2^24, so fused multiply-adds are exact; then {@code acc = fma(I, scale * da,
 * acc)}.
 */
final class PanelProduct {
  /** Tiles that are decoded at a time; four strips of them take 16 KiB. */
  private static final int PANEL_TILES = 2;

  /** Rows that are multiplied at a time. */
  static final int TILE_ROWS = 8;

  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final int COLUMN = TilePanel.COLUMN;
  private static final int TILE = TileLayout.TILE_COLUMNS * COLUMN;
  private static final int STRIP = PANEL_TILES * TILE;

  private static final int STRIPS = PackedMatrix.GROUP_STRIPS;
  private static final int SCALES_AT = STRIPS * STRIP;

  /** Floats of a row's block: without pairs. */
  private static final int ROW = RoundedRow.PLAIN_BYTES / Float.BYTES;

  private static final int ROWS_AT = SCALES_AT + STRIPS * PANEL_TILES * TileScales.TILE_FLOATS;

  /** Sums of a row with two strips; those of eight rows lie together. */
  private static final int SUMS = 2 * LANES;

  /** Behind the rows: those that a tile has too few of are read there, for sums nobody looks at. */
  private static final int INTEGERS_AT = ROWS_AT + (PANEL_TILES + 1) * TILE_ROWS * ROW;

  private static final int SUMS_AT = INTEGERS_AT + TILE_ROWS * SUMS;

  /** Where sums go that nobody asked for. */
  private static final int SPARE_AT = SUMS_AT + GroupProducts.MAX_ROWS * PackedMatrix.GROUP_ROWS;

  /**
   * Panel of four strips, their scales, eight rows of inputs, their integers where registers are
   * few, all sums.
   */
  static final int SCRATCH = SPARE_AT + TILE_ROWS * SUMS;

  private PanelProduct() {}

  /**
   * Multiplies some rows.
   *
   * @param layout of the strips
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param tiles tiles of a strip
   * @param x memory of the rounded rows
   * @param at where the first tile of {@link #TILE_ROWS} rows begins, as {@link RoundedRow} draws
   *     it
   * @param count rows
   * @param sums takes [count, 64]
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
      long at,
      int count,
      MemorySegment sums,
      float[] scratch) {
    long rowBytes = tiles * (long) RoundedRow.WHOLE_BYTES;
    Arrays.fill(scratch, SUMS_AT, sumsAt(Math.ceilDiv(count, TILE_ROWS) * TILE_ROWS, 0), 0);
    for (int tile = 0; tile < tiles; tile += PANEL_TILES) {
      int end = Math.min(tiles, tile + PANEL_TILES);
      for (int s = 0; s < strips; s++) {
        decode(layout, weights, strip + s * stripBytes, tile, end, s, scratch);
      }
      for (int row = 0; row < count; row += TILE_ROWS) {
        int rows = Math.min(TILE_ROWS, count - row);
        long block = at + row * rowBytes + (long) tile * rows * RoundedRow.blockBytes(rows);
        rows(layout, end - tile, strips, x, block, rows, sumsAt(row, 0), scratch);
      }
    }
    for (int row = 0; row < count; row++) {
      for (int pair = 0; pair < strips; pair += 2) {
        long out = (row * (long) PackedMatrix.GROUP_ROWS + pair * LANES) * Float.BYTES;
        int from = sumsAt(row, pair);
        for (int lane = 0; lane < SUMS; lane += Lanes.COUNT) {
          FloatVector.fromArray(FLOATS, scratch, from + lane)
              .intoMemorySegment(sums, out + lane * 4L, ORDER);
        }
      }
    }
  }

  /** Where the sums of a row with a pair of strips begin. */
  private static int sumsAt(int row, int pair) {
    int eight = row / TILE_ROWS * PackedMatrix.GROUP_STRIPS + pair;
    return SUMS_AT + eight * TILE_ROWS * LANES + row % TILE_ROWS * SUMS;
  }

  private static void decode(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      int first,
      int end,
      int s,
      float[] scratch) {
    for (int tile = first; tile < end; tile++) {
      long at = TilePanel.tileOffset(layout, strip, tile);
      TilePanel.codes(layout, weights, at, scratch, s * STRIP + (tile - first) * TILE);
    }
    // the tiles of a panel are of one super-block
    long block = TilePanel.blockOffset(layout, strip, first);
    long at = TilePanel.tileOffset(layout, strip, first);
    TileScales.of(layout).decode(layout, weights, block, at, end - first, scratch, scalesAt(s, 0));
  }

  private static int scalesAt(int s, int tile) {
    return SCALES_AT + (s * PANEL_TILES + tile) * TileScales.TILE_FLOATS;
  }

  /** Up to eight rows by the strips of the panel. */
  private static void rows(
      TileLayout layout,
      int tiles,
      int strips,
      MemorySegment x,
      long first,
      int count,
      int to,
      float[] scratch) {
    int vectors = strips * LANES / Lanes.COUNT;
    int columns = layout.subColumns();
    int subBlocks = layout.subBlocks();
    boolean offsets = layout.scales().hasOffset();
    int sumAt = (subBlocks == 1 ? RoundedRow.WHOLE_SUM : RoundedRow.HALF_SUMS) / Float.BYTES;
    copyRows(x, first, tiles * count, RoundedRow.blockBytes(count), scratch);
    for (int tile = 0; tile < tiles; tile++) {
      int block = ROWS_AT + tile * count * ROW;
      for (int sub = 0; sub < subBlocks; sub++) {
        int codes = block + RoundedRow.CODES / Float.BYTES + sub * columns;
        for (int v = 0; v < vectors; v += 2) {
          // a vector without a neighbour is multiplied twice
          int w = Math.min(v + 1, vectors - 1);
          int w0 = vectorAt(v, tile, sub * columns);
          int w1 = vectorAt(w, tile, sub * columns);
          int s0 = scaleAt(v, tile) + sub * COLUMN;
          int s1 = scaleAt(w, tile) + sub * COLUMN;
          int out0 = to + outAt(v);
          int out1 = w > v ? out0 + Lanes.COUNT : SPARE_AT;
          multiply(scratch, w0, w1, columns, codes, block, count, s0, s1, out0, out1);
          if (offsets) {
            int o0 = s0 + subBlocks * COLUMN;
            int o1 = s1 + subBlocks * COLUMN;
            shift(scratch, o0, o1, block + sumAt + sub, out0, out1, count);
          }
        }
      }
    }
  }

  /** Copies blocks without their pairs. */
  private static void copyRows(
      MemorySegment x, long first, int blocks, int blockBytes, float[] scratch) {
    if (blockBytes == RoundedRow.PLAIN_BYTES) {
      MemorySegment.copy(x, JAVA_FLOAT_UNALIGNED, first, scratch, ROWS_AT, blocks * ROW);
      return;
    }
    for (int block = 0; block < blocks; block++) {
      long from = first + block * (long) blockBytes;
      MemorySegment.copy(x, JAVA_FLOAT_UNALIGNED, from, scratch, ROWS_AT + block * ROW, ROW);
    }
  }

  private static void multiply(
      float[] scratch,
      int w0,
      int w1,
      int columns,
      int codes,
      int steps,
      int count,
      int s0,
      int s1,
      int out0,
      int out1) {
    if (count > 6 && StripProduct.MANY_REGISTERS) {
      tile8x2(scratch, w0, w1, columns, codes, steps, s0, s1, out0, out1);
      return;
    }
    for (int row = 0; row < count; row += 4) {
      if (count > row + 2) {
        tile4x2(scratch, w0, w1, columns, codes + row * ROW, INTEGERS_AT + row * SUMS);
      } else {
        tile2x2(scratch, w0, w1, columns, codes + row * ROW, INTEGERS_AT + row * SUMS);
      }
    }
    fold(scratch, s0, s1, steps, out0, out1, count);
  }

  /** Where the sums of eight rows with vector v lie. */
  private static int outAt(int v) {
    int lane = v * Lanes.COUNT;
    return lane / SUMS * TILE_ROWS * SUMS + lane % SUMS;
  }

  /** Where vector v of the panel's strips begins, at a column of a tile. */
  private static int vectorAt(int v, int tile, int column) {
    int row = v * Lanes.COUNT;
    return row / LANES * STRIP + tile * TILE + column * COLUMN + row % LANES;
  }

  /** Where the scales of vector v lie, of a tile's first sub-block. */
  private static int scaleAt(int v, int tile) {
    int lane = v * Lanes.COUNT;
    return scalesAt(lane / LANES, tile) + lane % LANES;
  }

  /** acc = fma(I, scale * da, acc) for two vectors of each row. */
  private static void fold(
      float[] scratch, int s0, int s1, int steps, int out0, int out1, int count) {
    FloatVector scale0 = FloatVector.fromArray(FLOATS, scratch, s0);
    FloatVector scale1 = FloatVector.fromArray(FLOATS, scratch, s1);
    for (int row = 0; row < count; row++) {
      FloatVector step = FloatVector.broadcast(FLOATS, scratch[steps + row * ROW]);
      int integers = INTEGERS_AT + row * SUMS;
      int to = out0 + row * SUMS;
      FloatVector.fromArray(FLOATS, scratch, integers)
          .fma(scale0.mul(step), FloatVector.fromArray(FLOATS, scratch, to))
          .intoArray(scratch, to);
      to = out1 + row * SUMS;
      FloatVector.fromArray(FLOATS, scratch, integers + Lanes.COUNT)
          .fma(scale1.mul(step), FloatVector.fromArray(FLOATS, scratch, to))
          .intoArray(scratch, to);
    }
  }

  /** acc = fma(offset, da * sum of a, acc) for two vectors of each row. */
  private static void shift(
      float[] scratch, int o0, int o1, int rowSums, int out0, int out1, int count) {
    FloatVector offset0 = FloatVector.fromArray(FLOATS, scratch, o0);
    FloatVector offset1 = FloatVector.fromArray(FLOATS, scratch, o1);
    for (int row = 0; row < count; row++) {
      FloatVector sum = FloatVector.broadcast(FLOATS, scratch[rowSums + row * ROW]);
      int to = out0 + row * SUMS;
      offset0.fma(sum, FloatVector.fromArray(FLOATS, scratch, to)).intoArray(scratch, to);
      to = out1 + row * SUMS;
      offset1.fma(sum, FloatVector.fromArray(FLOATS, scratch, to)).intoArray(scratch, to);
    }
  }

  /** 8 rows by 2 vectors of a sub-block. */
  private static void tile8x2(
      float[] scratch,
      int w0,
      int w1,
      int columns,
      int x,
      int steps,
      int s0,
      int s1,
      int out0,
      int out1) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    FloatVector sum40 = FloatVector.zero(FLOATS);
    FloatVector sum41 = FloatVector.zero(FLOATS);
    FloatVector sum50 = FloatVector.zero(FLOATS);
    FloatVector sum51 = FloatVector.zero(FLOATS);
    FloatVector sum60 = FloatVector.zero(FLOATS);
    FloatVector sum61 = FloatVector.zero(FLOATS);
    FloatVector sum70 = FloatVector.zero(FLOATS);
    FloatVector sum71 = FloatVector.zero(FLOATS);
    for (int column = 0; column < columns; column++) {
      int at = column * COLUMN;
      int value = x + column;
      FloatVector code0 = FloatVector.fromArray(FLOATS, scratch, w0 + at);
      FloatVector code1 = FloatVector.fromArray(FLOATS, scratch, w1 + at);
      FloatVector value0 = FloatVector.broadcast(FLOATS, scratch[value]);
      sum00 = code0.fma(value0, sum00);
      sum01 = code1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, scratch[value + 1 * ROW]);
      sum10 = code0.fma(value1, sum10);
      sum11 = code1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, scratch[value + 2 * ROW]);
      sum20 = code0.fma(value2, sum20);
      sum21 = code1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, scratch[value + 3 * ROW]);
      sum30 = code0.fma(value3, sum30);
      sum31 = code1.fma(value3, sum31);
      FloatVector value4 = FloatVector.broadcast(FLOATS, scratch[value + 4 * ROW]);
      sum40 = code0.fma(value4, sum40);
      sum41 = code1.fma(value4, sum41);
      FloatVector value5 = FloatVector.broadcast(FLOATS, scratch[value + 5 * ROW]);
      sum50 = code0.fma(value5, sum50);
      sum51 = code1.fma(value5, sum51);
      FloatVector value6 = FloatVector.broadcast(FLOATS, scratch[value + 6 * ROW]);
      sum60 = code0.fma(value6, sum60);
      sum61 = code1.fma(value6, sum61);
      FloatVector value7 = FloatVector.broadcast(FLOATS, scratch[value + 7 * ROW]);
      sum70 = code0.fma(value7, sum70);
      sum71 = code1.fma(value7, sum71);
    }
    FloatVector scale0 = FloatVector.fromArray(FLOATS, scratch, s0);
    FloatVector scale1 = FloatVector.fromArray(FLOATS, scratch, s1);
    FloatVector step0 = FloatVector.broadcast(FLOATS, scratch[steps + 0 * ROW]);
    sum00
        .fma(scale0.mul(step0), FloatVector.fromArray(FLOATS, scratch, out0 + 0 * SUMS))
        .intoArray(scratch, out0 + 0 * SUMS);
    sum01
        .fma(scale1.mul(step0), FloatVector.fromArray(FLOATS, scratch, out1 + 0 * SUMS))
        .intoArray(scratch, out1 + 0 * SUMS);
    FloatVector step1 = FloatVector.broadcast(FLOATS, scratch[steps + 1 * ROW]);
    sum10
        .fma(scale0.mul(step1), FloatVector.fromArray(FLOATS, scratch, out0 + 1 * SUMS))
        .intoArray(scratch, out0 + 1 * SUMS);
    sum11
        .fma(scale1.mul(step1), FloatVector.fromArray(FLOATS, scratch, out1 + 1 * SUMS))
        .intoArray(scratch, out1 + 1 * SUMS);
    FloatVector step2 = FloatVector.broadcast(FLOATS, scratch[steps + 2 * ROW]);
    sum20
        .fma(scale0.mul(step2), FloatVector.fromArray(FLOATS, scratch, out0 + 2 * SUMS))
        .intoArray(scratch, out0 + 2 * SUMS);
    sum21
        .fma(scale1.mul(step2), FloatVector.fromArray(FLOATS, scratch, out1 + 2 * SUMS))
        .intoArray(scratch, out1 + 2 * SUMS);
    FloatVector step3 = FloatVector.broadcast(FLOATS, scratch[steps + 3 * ROW]);
    sum30
        .fma(scale0.mul(step3), FloatVector.fromArray(FLOATS, scratch, out0 + 3 * SUMS))
        .intoArray(scratch, out0 + 3 * SUMS);
    sum31
        .fma(scale1.mul(step3), FloatVector.fromArray(FLOATS, scratch, out1 + 3 * SUMS))
        .intoArray(scratch, out1 + 3 * SUMS);
    FloatVector step4 = FloatVector.broadcast(FLOATS, scratch[steps + 4 * ROW]);
    sum40
        .fma(scale0.mul(step4), FloatVector.fromArray(FLOATS, scratch, out0 + 4 * SUMS))
        .intoArray(scratch, out0 + 4 * SUMS);
    sum41
        .fma(scale1.mul(step4), FloatVector.fromArray(FLOATS, scratch, out1 + 4 * SUMS))
        .intoArray(scratch, out1 + 4 * SUMS);
    FloatVector step5 = FloatVector.broadcast(FLOATS, scratch[steps + 5 * ROW]);
    sum50
        .fma(scale0.mul(step5), FloatVector.fromArray(FLOATS, scratch, out0 + 5 * SUMS))
        .intoArray(scratch, out0 + 5 * SUMS);
    sum51
        .fma(scale1.mul(step5), FloatVector.fromArray(FLOATS, scratch, out1 + 5 * SUMS))
        .intoArray(scratch, out1 + 5 * SUMS);
    FloatVector step6 = FloatVector.broadcast(FLOATS, scratch[steps + 6 * ROW]);
    sum60
        .fma(scale0.mul(step6), FloatVector.fromArray(FLOATS, scratch, out0 + 6 * SUMS))
        .intoArray(scratch, out0 + 6 * SUMS);
    sum61
        .fma(scale1.mul(step6), FloatVector.fromArray(FLOATS, scratch, out1 + 6 * SUMS))
        .intoArray(scratch, out1 + 6 * SUMS);
    FloatVector step7 = FloatVector.broadcast(FLOATS, scratch[steps + 7 * ROW]);
    sum70
        .fma(scale0.mul(step7), FloatVector.fromArray(FLOATS, scratch, out0 + 7 * SUMS))
        .intoArray(scratch, out0 + 7 * SUMS);
    sum71
        .fma(scale1.mul(step7), FloatVector.fromArray(FLOATS, scratch, out1 + 7 * SUMS))
        .intoArray(scratch, out1 + 7 * SUMS);
  }

  /** 4 rows by 2 vectors of a sub-block. */
  private static void tile4x2(float[] scratch, int w0, int w1, int columns, int x, int to) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    for (int column = 0; column < columns; column++) {
      int at = column * COLUMN;
      int value = x + column;
      FloatVector code0 = FloatVector.fromArray(FLOATS, scratch, w0 + at);
      FloatVector code1 = FloatVector.fromArray(FLOATS, scratch, w1 + at);
      FloatVector value0 = FloatVector.broadcast(FLOATS, scratch[value]);
      sum00 = code0.fma(value0, sum00);
      sum01 = code1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, scratch[value + 1 * ROW]);
      sum10 = code0.fma(value1, sum10);
      sum11 = code1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, scratch[value + 2 * ROW]);
      sum20 = code0.fma(value2, sum20);
      sum21 = code1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, scratch[value + 3 * ROW]);
      sum30 = code0.fma(value3, sum30);
      sum31 = code1.fma(value3, sum31);
    }
    sum00.intoArray(scratch, to + 0 * SUMS);
    sum01.intoArray(scratch, to + 0 * SUMS + Lanes.COUNT);
    sum10.intoArray(scratch, to + 1 * SUMS);
    sum11.intoArray(scratch, to + 1 * SUMS + Lanes.COUNT);
    sum20.intoArray(scratch, to + 2 * SUMS);
    sum21.intoArray(scratch, to + 2 * SUMS + Lanes.COUNT);
    sum30.intoArray(scratch, to + 3 * SUMS);
    sum31.intoArray(scratch, to + 3 * SUMS + Lanes.COUNT);
  }

  /** 2 rows by 2 vectors of a sub-block. */
  private static void tile2x2(float[] scratch, int w0, int w1, int columns, int x, int to) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    for (int column = 0; column < columns; column++) {
      int at = column * COLUMN;
      int value = x + column;
      FloatVector code0 = FloatVector.fromArray(FLOATS, scratch, w0 + at);
      FloatVector code1 = FloatVector.fromArray(FLOATS, scratch, w1 + at);
      FloatVector value0 = FloatVector.broadcast(FLOATS, scratch[value]);
      sum00 = code0.fma(value0, sum00);
      sum01 = code1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, scratch[value + 1 * ROW]);
      sum10 = code0.fma(value1, sum10);
      sum11 = code1.fma(value1, sum11);
    }
    sum00.intoArray(scratch, to + 0 * SUMS);
    sum01.intoArray(scratch, to + 0 * SUMS + Lanes.COUNT);
    sum10.intoArray(scratch, to + 1 * SUMS);
    sum11.intoArray(scratch, to + 1 * SUMS + Lanes.COUNT);
  }
}
