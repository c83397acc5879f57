package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;

/**
 * How activations lie in memory, quantised to 8 bits in blocks of 32 columns. All that a tile needs
 * of a row is in one record. A panel of n rows has for each 32 columns the n records of the rows; a
 * row alone is a panel of one.
 *
 * <pre>
 * 32 x i8   a = round(x 127 / max |x|)
 * f32       da = max |x| / 127
 * for each sub-block of the weights (one of 32 columns, or two of 16):
 *   i32     -bias sum(a)             where the weights have no offsets
 *   f32     da sum(a)                where they have
 * </pre>
 *
 * @param subBlocks 1 or 2
 * @param hasOffset whether the weights have offsets
 * @param bias what stored codes are above their integers
 */
record ActivationRecord(int subBlocks, boolean hasOffset, int bias) {
  /** Columns of a record. */
  static final int COLUMNS = TileLayout.TILE_COLUMNS;

  /** Where da stands. */
  static final int SCALE = 32;

  /** Where the sums begin. */
  static final int SUMS = 36;

  /** What weights of a layout need. */
  static ActivationRecord of(TileLayout layout) {
    return new ActivationRecord(
        layout.subBlocks(), layout.scales().hasOffset(), CodePlanes.bias(layout));
  }

  /** Bytes of a record. */
  int bytes() {
    return SUMS + 4 * subBlocks;
  }

  /** Bytes of a panel. */
  long panelBytes(int columns, int rows) {
    return (long) (columns / COLUMNS) * rows * bytes();
  }
}
