package io.moka.kernels.cpu.vector;

import io.moka.weights.PackedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What one worker needs beside its arguments; allocated once. */
final class Scratch {
  /**
   * Pairs of columns that are decoded at a time: four strips of floats stay in the first-level
   * cache.
   */
  static final int PANEL_PAIRS = 64;

  /** Where the rows of a product begin, in bytes. */
  final long[] rows = new long[GroupProduct.MAX_ROWS];

  /** [128, 64] floats, and scratch for a last tile that is not full. */
  final MemorySegment sums;

  /** Four strips of floats, decoded from a format that needs arithmetic. */
  final MemorySegment panel;

  Scratch(Arena arena) {
    sums =
        arena.allocate(
            (GroupProduct.MAX_ROWS + StripProduct.MAX_ROWS) * StripProduct.ROW_BYTES, 64);
    panel = arena.allocate((long) PackedMatrix.GROUP_ROWS * 2 * PANEL_PAIRS * Float.BYTES, 64);
  }
}
