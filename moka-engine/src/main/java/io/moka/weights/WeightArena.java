package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory for weights, carved out of large regions that ask for huge pages: thousands of experts in
 * mappings of their own would have hardly any, and decoding, which touches other experts in each
 * step, would wait for page tables. Any number of threads may allocate; what it has handed out
 * lives until it is closed.
 */
public final class WeightArena implements Arena {
  private static final long HUGE_PAGE_BYTES = 2L << 20;
  private static final long REGION_BYTES = 64L << 20;

  private final Arena owner = Arena.ofShared();

  // guarded by this
  private MemorySegment region = MemorySegment.NULL;
  private long used;

  /** An arena without memory. */
  public WeightArena() {}

  @Override
  public synchronized MemorySegment allocate(long bytes, long alignment) {
    boolean aligns = alignment > 0 && alignment <= HUGE_PAGE_BYTES && Long.bitCount(alignment) == 1;
    if (bytes < 0 || !aligns) {
      throw new IllegalArgumentException(
          bytes + " bytes aligned to " + alignment + ", expected a power of two, at most 2 MiB");
    }
    if (!owner.scope().isAlive()) {
      throw new IllegalStateException("the weights are closed already");
    }
    if (bytes > REGION_BYTES / 2) {
      return aligned(bytes);
    }
    long from = Math.ceilDiv(used, alignment) * alignment;
    if (from + bytes > region.byteSize() || region == MemorySegment.NULL) {
      region = aligned(REGION_BYTES);
      from = 0;
    }
    used = from + bytes;
    return region.asSlice(from, bytes, alignment);
  }

  private MemorySegment aligned(long bytes) {
    MemorySegment memory = NativeMemory.allocate(owner, Math.addExact(bytes, HUGE_PAGE_BYTES));
    return memory.asSlice(Math.floorMod(-memory.address(), HUGE_PAGE_BYTES), bytes);
  }

  @Override
  public MemorySegment.Scope scope() {
    return owner.scope();
  }

  @Override
  public void close() {
    owner.close();
  }
}
