package io.moka.kernels.cpu.x86;

/**
 * A register of up to 16 rows of up to 64 bytes; {@link TileShapes} says how many.
 *
 * @param number 0 to 7
 */
record Tile(int number) {
  Tile {
    if (number < 0 || number > 7) {
      throw new IllegalArgumentException("no tile " + number);
    }
  }
}
