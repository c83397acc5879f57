package io.moka.kernels.cpu;

import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Bytes that one job of a step leaves to the next. What is outgrown goes back to the system at
 * once; its successor is twice as large, so that steps which grow bit by bit replace few.
 */
final class ReusedMemory implements AutoCloseable {
  private Arena arena = Arena.ofShared();
  private MemorySegment segment = MemorySegment.NULL;

  /** Room for some bytes; what was there is lost when it grows. */
  void reserve(long bytes) {
    if (segment.byteSize() >= bytes) {
      return;
    }
    long larger = Math.max(bytes, 2 * segment.byteSize());
    segment = MemorySegment.NULL;
    arena.close();
    arena = Arena.ofShared();
    segment = NativeMemory.allocate(arena, larger);
  }

  MemorySegment segment() {
    return segment;
  }

  @Override
  public void close() {
    arena.close();
  }
}
