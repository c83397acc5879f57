package io.moka.weights;

import io.moka.weights.TileLayout.HighPlane;
import io.moka.weights.TileLayout.LowPlane;

/**
 * One block of one row, taken apart: the words of its code planes and the numbers that make its
 * scales. Between the bytes of a file and those of a strip, and between either and floats. Reused
 * from block to block.
 */
final class TileLane {
  private static final int MAX_TILES = 8;

  /** Code words, {@link TileLayout#codeVectors()} for each tile. */
  final int[] words = new int[MAX_TILES * 8];

  /** Entries as they are stored, {@link TileLayout#entries()} for each tile. */
  final int[] entries = new int[MAX_TILES * 2];

  /** Halves of the super-block, as they are stored. */
  final int[] halves = new int[2];

  /** The integer that the code of a column stands for; column from 0 within the block. */
  int code(TileLayout layout, int column) {
    int first = column / TileLayout.TILE_COLUMNS * layout.codeVectors();
    int quad = column % TileLayout.TILE_COLUMNS / 4;
    int shift = column % 4 * 8;
    LowPlane lowPlane = layout.low();
    int low = words[first + lowPlane.vector(quad)] >>> shift + lowPlane.shift(quad);
    low &= lowPlane.mask() & 255;
    HighPlane highPlane = layout.high();
    first += lowPlane.vectors();
    int high = 0;
    if (highPlane != HighPlane.NONE) {
      high = words[first + highPlane.vector(quad)] >>> shift + highPlane.shift(quad);
      high &= highPlane.mask() & 255;
    }
    return layout.codes().value(low | high << layout.low().bits());
  }

  /** The scale of a sub-block; exact in a float. */
  float scale(TileLayout layout, int tile, int sub) {
    int entry = entries[tile * layout.entries() + sub];
    return switch (layout.scales()) {
      case HALF, HALF_AND_OFFSET -> half(entry);
      case EXPONENT -> powerOfTwo(entry & 255);
      case BYTE_AND_OFFSET -> half(halves[0]) * (entry & 255);
      case SIGNED -> half(halves[0]) * (byte) entry;
      case NIBBLES -> half(halves[0]) * (entry & 15);
    };
  }

  /** The offset of a sub-block; exact in a float. */
  float offset(TileLayout layout, int tile, int sub) {
    int first = tile * layout.entries();
    return switch (layout.scales()) {
      case HALF_AND_OFFSET -> half(entries[first + 1]);
      case BYTE_AND_OFFSET -> -(half(halves[1]) * (entries[first + 1] & 255));
      case NIBBLES -> -(half(halves[1]) * (entries[first + sub] >>> 4 & 15));
      case HALF, EXPONENT, SIGNED -> 0;
    };
  }

  /** The number of a column; two roundings where there is an offset, as ggml has them. */
  float value(TileLayout layout, int column) {
    int tile = column / TileLayout.TILE_COLUMNS;
    int sub = column % TileLayout.TILE_COLUMNS / layout.subColumns();
    float product = scale(layout, tile, sub) * code(layout, column);
    // without an offset nothing is added: -0 + 0 would be another number
    return layout.scales().hasOffset() ? product + offset(layout, tile, sub) : product;
  }

  private static float half(int bits) {
    return Float.float16ToFloat((short) bits);
  }

  /** 2^(e - 128), subnormal for the two smallest. */
  private static float powerOfTwo(int e) {
    return Float.intBitsToFloat(e < 2 ? 0x00200000 << e : e - 1 << 23);
  }
}
