package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.vector.Lanes.FLOATS;
import static io.moka.kernels.cpu.vector.Lanes.ORDER;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * Products of rounded rows with quantised strips in float lanes: codes are decoded into a panel
 * that stays in the first-level cache, and multiplied there. Within a sub-block every partial sum
 * is an integer below 2^24, so fused multiply-adds are exact; then {@code acc = fma(I, scale * da,
 * acc)}.
 */
final class PanelProduct {
  /** Tiles that are decoded at a time; two strips of them take 16 KiB. */
  private static final int PANEL_TILES = 4;

  private static final long ROW_BYTES = StripProduct.ROW_BYTES;
  private static final int LANES = PackedMatrix.STRIP_ROWS;
  private static final long COLUMN = TilePanel.COLUMN_BYTES;
  private static final long TILE_BYTES = TileLayout.TILE_COLUMNS * COLUMN;
  private static final long STRIP_BYTES = PANEL_TILES * TILE_BYTES;

  /** Scales and offsets of two sub-blocks. */
  private static final long SCALES_BYTES = 4 * COLUMN;

  private static final long SCALES_AT = 2 * STRIP_BYTES;
  private static final long INTEGERS_AT = SCALES_AT + 2 * PANEL_TILES * SCALES_BYTES;

  /** Panel of two strips, their scales, and the integer sums of eight rows. */
  static final long SCRATCH_BYTES = INTEGERS_AT + StripProduct.MAX_ROWS * ROW_BYTES;

  private PanelProduct() {}

  /**
   * Adds the products of some rows to their sums.
   *
   * @param layout of the strips
   * @param weights memory of the strips
   * @param strip where the first begins, in bytes
   * @param stripBytes bytes from one strip to the next
   * @param strips 1 to 4
   * @param tiles tiles of a strip
   * @param x memory of the rounded rows
   * @param at where the first row begins; the others follow
   * @param count rows
   * @param sums [count, 64], begun with zeros
   * @param scratch {@link #SCRATCH_BYTES}
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
      MemorySegment scratch) {
    long rowBytes = (long) tiles * RoundedRow.BLOCK_BYTES;
    for (int pair = 0; pair < strips; pair += 2) {
      int two = Math.min(2, strips - pair);
      for (int tile = 0; tile < tiles; tile += PANEL_TILES) {
        int end = Math.min(tiles, tile + PANEL_TILES);
        for (int s = 0; s < two; s++) {
          decode(layout, weights, strip + (pair + s) * stripBytes, tile, end, s, scratch);
        }
        long block = at + (long) tile * RoundedRow.BLOCK_BYTES;
        for (int row = 0; row < count; row += StripProduct.MAX_ROWS) {
          rows(
              layout,
              end - tile,
              two,
              x,
              block + row * rowBytes,
              rowBytes,
              Math.min(StripProduct.MAX_ROWS, count - row),
              sums,
              row * ROW_BYTES + pair * LANES * 4L,
              scratch);
        }
      }
    }
  }

  private static void decode(
      TileLayout layout,
      MemorySegment weights,
      long strip,
      int first,
      int end,
      int s,
      MemorySegment scratch) {
    for (int tile = first; tile < end; tile++) {
      long at = TilePanel.tileOffset(layout, strip, tile);
      long block = TilePanel.blockOffset(layout, strip, tile);
      TilePanel.codes(layout, weights, at, scratch, s * STRIP_BYTES + (tile - first) * TILE_BYTES);
      TileScales.of(layout).decode(layout, weights, block, at, scratch, scalesAt(s, tile - first));
    }
  }

  private static long scalesAt(int s, int tile) {
    return SCALES_AT + (s * PANEL_TILES + tile) * SCALES_BYTES;
  }

  /** Up to eight rows by the strips of the panel. */
  private static void rows(
      TileLayout layout,
      int tiles,
      int strips,
      MemorySegment x,
      long first,
      long rowBytes,
      int count,
      MemorySegment sums,
      long to,
      MemorySegment scratch) {
    int vectors = strips * LANES / Lanes.COUNT;
    int columns = layout.subColumns();
    for (int tile = 0; tile < tiles; tile++) {
      long block = first + (long) tile * RoundedRow.BLOCK_BYTES;
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        long codes = block + RoundedRow.CODES + sub * columns * 4L;
        for (int v = 0; v < vectors; v += 2) {
          long w0 = vectorAt(v, tile, sub * columns);
          long w1 = v + 1 < vectors ? vectorAt(v + 1, tile, sub * columns) : w0;
          long out = INTEGERS_AT + (long) v * Lanes.BYTES;
          multiply(scratch, w0, w1, columns, x, codes, rowBytes, count, out);
        }
        for (int row = 0; row < count; row++) {
          fold(
              layout,
              x,
              block + row * rowBytes,
              tile,
              sub,
              vectors,
              scratch,
              INTEGERS_AT + row * ROW_BYTES,
              sums,
              to + row * ROW_BYTES);
        }
      }
    }
  }

  private static void multiply(
      MemorySegment scratch,
      long w0,
      long w1,
      int columns,
      MemorySegment x,
      long codes,
      long rowBytes,
      int count,
      long out) {
    // missing rows repeat the last; their sums are scratch
    long last = codes + (count - 1) * rowBytes;
    long x1 = Math.min(codes + rowBytes, last);
    long x2 = Math.min(codes + 2 * rowBytes, last);
    long x3 = Math.min(codes + 3 * rowBytes, last);
    if (count == 1) {
      tile1x2(scratch, w0, w1, columns, x, codes, scratch, out);
    } else if (count <= 4) {
      tile4x2(scratch, w0, w1, columns, x, codes, x1, x2, x3, scratch, out);
    } else {
      long x4 = Math.min(codes + 4 * rowBytes, last);
      long x5 = Math.min(codes + 5 * rowBytes, last);
      long x6 = Math.min(codes + 6 * rowBytes, last);
      long x7 = Math.min(codes + 7 * rowBytes, last);
      if (StripProduct.MANY_REGISTERS) {
        tile8x2(scratch, w0, w1, columns, x, codes, x1, x2, x3, x4, x5, x6, x7, scratch, out);
      } else {
        tile4x2(scratch, w0, w1, columns, x, codes, x1, x2, x3, scratch, out);
        tile4x2(scratch, w0, w1, columns, x, x4, x5, x6, x7, scratch, out + 4 * ROW_BYTES);
      }
    }
  }

  /** Where vector v of the panel's strips begins, at a column of a tile. */
  private static long vectorAt(int v, int tile, int column) {
    int row = v * Lanes.COUNT;
    return row / LANES * STRIP_BYTES + tile * TILE_BYTES + column * COLUMN + row % LANES * 4L;
  }

  /** acc = fma(I, scale * da, acc), and the offset's part, for all vectors of one row. */
  private static void fold(
      TileLayout layout,
      MemorySegment x,
      long block,
      int tile,
      int sub,
      int vectors,
      MemorySegment scratch,
      long integers,
      MemorySegment sums,
      long to) {
    float step = x.get(JAVA_FLOAT, block + RoundedRow.SCALE);
    boolean offsets = layout.scales().hasOffset();
    int sum = layout.subBlocks() == 1 ? RoundedRow.WHOLE_SUM : RoundedRow.HALF_SUMS + 4 * sub;
    float scaledSum = offsets ? x.get(JAVA_FLOAT, block + sum) : 0;
    long scales = scalesAt(0, tile) + sub * COLUMN;
    scaled(vectors, step, scratch, scales, integers, sums, to);
    if (offsets) {
      shifted(vectors, scaledSum, scratch, scales + layout.subBlocks() * COLUMN, sums, to);
    }
  }

  private static void scaled(
      int vectors,
      float step,
      MemorySegment scratch,
      long scales,
      long integers,
      MemorySegment sums,
      long to) {
    for (int v = 0; v < vectors; v++) {
      long at = (long) v * Lanes.BYTES;
      FloatVector.fromMemorySegment(FLOATS, scratch, integers + at, ORDER)
          .fma(
              FloatVector.fromMemorySegment(FLOATS, scratch, scales + laneAt(v), ORDER).mul(step),
              FloatVector.fromMemorySegment(FLOATS, sums, to + at, ORDER))
          .intoMemorySegment(sums, to + at, ORDER);
    }
  }

  private static void shifted(
      int vectors, float sum, MemorySegment scratch, long offsets, MemorySegment sums, long to) {
    for (int v = 0; v < vectors; v++) {
      long at = (long) v * Lanes.BYTES;
      FloatVector.fromMemorySegment(FLOATS, scratch, offsets + laneAt(v), ORDER)
          .fma(
              FloatVector.broadcast(FLOATS, sum),
              FloatVector.fromMemorySegment(FLOATS, sums, to + at, ORDER))
          .intoMemorySegment(sums, to + at, ORDER);
    }
  }

  /** Where the lanes of vector v lie among the scales of two strips. */
  private static long laneAt(int v) {
    int lane = v * Lanes.COUNT;
    return lane / LANES * PANEL_TILES * SCALES_BYTES + lane % LANES * 4L;
  }

  /** 8 rows by 2 vectors of a sub-block. */
  private static void tile8x2(
      MemorySegment panel,
      long w0,
      long w1,
      int columns,
      MemorySegment x,
      long x0,
      long x1,
      long x2,
      long x3,
      long x4,
      long x5,
      long x6,
      long x7,
      MemorySegment sums,
      long to) {
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
      long at = column * TilePanel.COLUMN_BYTES;
      long value = column * 4L;
      FloatVector code0 = FloatVector.fromMemorySegment(FLOATS, panel, w0 + at, ORDER);
      FloatVector code1 = FloatVector.fromMemorySegment(FLOATS, panel, w1 + at, ORDER);
      FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + value));
      sum00 = code0.fma(value0, sum00);
      sum01 = code1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + value));
      sum10 = code0.fma(value1, sum10);
      sum11 = code1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x2 + value));
      sum20 = code0.fma(value2, sum20);
      sum21 = code1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x3 + value));
      sum30 = code0.fma(value3, sum30);
      sum31 = code1.fma(value3, sum31);
      FloatVector value4 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x4 + value));
      sum40 = code0.fma(value4, sum40);
      sum41 = code1.fma(value4, sum41);
      FloatVector value5 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x5 + value));
      sum50 = code0.fma(value5, sum50);
      sum51 = code1.fma(value5, sum51);
      FloatVector value6 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x6 + value));
      sum60 = code0.fma(value6, sum60);
      sum61 = code1.fma(value6, sum61);
      FloatVector value7 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x7 + value));
      sum70 = code0.fma(value7, sum70);
      sum71 = code1.fma(value7, sum71);
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum20.intoMemorySegment(sums, to + 2 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum21.intoMemorySegment(sums, to + 2 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum30.intoMemorySegment(sums, to + 3 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum31.intoMemorySegment(sums, to + 3 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum40.intoMemorySegment(sums, to + 4 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum41.intoMemorySegment(sums, to + 4 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum50.intoMemorySegment(sums, to + 5 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum51.intoMemorySegment(sums, to + 5 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum60.intoMemorySegment(sums, to + 6 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum61.intoMemorySegment(sums, to + 6 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum70.intoMemorySegment(sums, to + 7 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum71.intoMemorySegment(sums, to + 7 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
  }

  /** 4 rows by 2 vectors of a sub-block. */
  private static void tile4x2(
      MemorySegment panel,
      long w0,
      long w1,
      int columns,
      MemorySegment x,
      long x0,
      long x1,
      long x2,
      long x3,
      MemorySegment sums,
      long to) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum20 = FloatVector.zero(FLOATS);
    FloatVector sum21 = FloatVector.zero(FLOATS);
    FloatVector sum30 = FloatVector.zero(FLOATS);
    FloatVector sum31 = FloatVector.zero(FLOATS);
    for (int column = 0; column < columns; column++) {
      long at = column * TilePanel.COLUMN_BYTES;
      long value = column * 4L;
      FloatVector code0 = FloatVector.fromMemorySegment(FLOATS, panel, w0 + at, ORDER);
      FloatVector code1 = FloatVector.fromMemorySegment(FLOATS, panel, w1 + at, ORDER);
      FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x0 + value));
      sum00 = code0.fma(value0, sum00);
      sum01 = code1.fma(value0, sum01);
      FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x1 + value));
      sum10 = code0.fma(value1, sum10);
      sum11 = code1.fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x2 + value));
      sum20 = code0.fma(value2, sum20);
      sum21 = code1.fma(value2, sum21);
      FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, x3 + value));
      sum30 = code0.fma(value3, sum30);
      sum31 = code1.fma(value3, sum31);
    }
    sum00.intoMemorySegment(sums, to + 0 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum01.intoMemorySegment(sums, to + 0 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum10.intoMemorySegment(sums, to + 1 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum11.intoMemorySegment(sums, to + 1 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum20.intoMemorySegment(sums, to + 2 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum21.intoMemorySegment(sums, to + 2 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
    sum30.intoMemorySegment(sums, to + 3 * ROW_BYTES + 0 * Lanes.BYTES, ORDER);
    sum31.intoMemorySegment(sums, to + 3 * ROW_BYTES + 1 * Lanes.BYTES, ORDER);
  }

  /**
   * One row by two vectors of a sub-block; four sums for each, since integers may be added in any
   * order and one would wait for itself.
   */
  private static void tile1x2(
      MemorySegment panel,
      long w0,
      long w1,
      int columns,
      MemorySegment x,
      long x0,
      MemorySegment sums,
      long to) {
    FloatVector sum00 = FloatVector.zero(FLOATS);
    FloatVector sum01 = FloatVector.zero(FLOATS);
    FloatVector sum02 = FloatVector.zero(FLOATS);
    FloatVector sum03 = FloatVector.zero(FLOATS);
    FloatVector sum10 = FloatVector.zero(FLOATS);
    FloatVector sum11 = FloatVector.zero(FLOATS);
    FloatVector sum12 = FloatVector.zero(FLOATS);
    FloatVector sum13 = FloatVector.zero(FLOATS);
    for (int column = 0; column < columns; column += 4) {
      long at = column * COLUMN;
      long value = x0 + column * 4L;
      FloatVector value0 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, value));
      sum00 = FloatVector.fromMemorySegment(FLOATS, panel, w0 + at, ORDER).fma(value0, sum00);
      sum10 = FloatVector.fromMemorySegment(FLOATS, panel, w1 + at, ORDER).fma(value0, sum10);
      FloatVector value1 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, value + 4));
      sum01 =
          FloatVector.fromMemorySegment(FLOATS, panel, w0 + at + COLUMN, ORDER).fma(value1, sum01);
      sum11 =
          FloatVector.fromMemorySegment(FLOATS, panel, w1 + at + COLUMN, ORDER).fma(value1, sum11);
      FloatVector value2 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, value + 8));
      sum02 =
          FloatVector.fromMemorySegment(FLOATS, panel, w0 + at + 2 * COLUMN, ORDER)
              .fma(value2, sum02);
      sum12 =
          FloatVector.fromMemorySegment(FLOATS, panel, w1 + at + 2 * COLUMN, ORDER)
              .fma(value2, sum12);
      FloatVector value3 = FloatVector.broadcast(FLOATS, x.get(JAVA_FLOAT, value + 12));
      sum03 =
          FloatVector.fromMemorySegment(FLOATS, panel, w0 + at + 3 * COLUMN, ORDER)
              .fma(value3, sum03);
      sum13 =
          FloatVector.fromMemorySegment(FLOATS, panel, w1 + at + 3 * COLUMN, ORDER)
              .fma(value3, sum13);
    }
    sum00.add(sum01).add(sum02.add(sum03)).intoMemorySegment(sums, to, ORDER);
    sum10.add(sum11).add(sum12.add(sum13)).intoMemorySegment(sums, to + Lanes.BYTES, ORDER);
  }
}
