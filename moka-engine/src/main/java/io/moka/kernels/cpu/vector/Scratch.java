package io.moka.kernels.cpu.vector;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What one worker needs beside its arguments; grows with the widest matrix and is then reused. */
final class Scratch {
  /** Where the rows of a product begin, in bytes. */
  final long[] rows = new long[GroupProduct.MAX_ROWS];

  /** [128, 64] floats, and scratch for a last tile that is not full. */
  final MemorySegment sums;

  private final Arena arena;
  private MemorySegment panel = MemorySegment.NULL;

  Scratch(Arena arena) {
    this.arena = arena;
    long bytes = (GroupProduct.MAX_ROWS + StripProduct.MAX_ROWS) * StripProduct.ROW_BYTES;
    sums = arena.allocate(bytes, 64);
  }

  /** Room for strips of floats, decoded from a format that needs arithmetic. */
  MemorySegment panel(long bytes) {
    if (panel.byteSize() < bytes) {
      panel = arena.allocate(bytes, 64);
    }
    return panel;
  }
}
