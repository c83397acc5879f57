package io.moka.weights;

import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Memory for weights, carved out of large regions that ask for huge pages: thousands of experts in
 * mappings of their own would have hardly any, and decoding, which touches other experts in each
 * step, would wait for page tables. Any number of threads may allocate; what it has handed out
 * lives until it is closed.
 *
 * <p>Where rows lie at several memory nodes, regions have small pages: a part of an expert is
 * smaller than a huge one. Larger matrices keep those.
 */
public final class WeightArena implements Arena {
  private static final long HUGE_PAGE_BYTES = 2L << 20;
  private static final long REGION_BYTES = 64L << 20;

  private static final System.Logger LOG = System.getLogger(WeightArena.class.getName());

  private final Arena owner = Arena.ofShared();
  private final RowPlacement placement;
  private final AtomicBoolean refused = new AtomicBoolean();

  // guarded by this
  private MemorySegment region = MemorySegment.NULL;
  private long used;

  /** An arena without memory, whose pages will come from where the system likes. */
  public WeightArena() {
    this(RowPlacement.NONE);
  }

  /**
   * An arena without memory.
   *
   * @param placement which memory nodes the rows of its matrices are to lie at
   */
  public WeightArena(RowPlacement placement) {
    this.placement = placement;
  }

  /**
   * Allocates a packed matrix, its rows at their memory nodes.
   *
   * @param bytes of the matrix
   * @param groups of the matrix, each of equal size
   * @return zeros, 64-byte aligned
   */
  MemorySegment allocateMatrix(long bytes, int groups) {
    MemorySegment matrix = NativeMemory.allocate(this, bytes);
    if (!refused.get()) {
      placement
          .touch(matrix, groups)
          .filter(reason -> refused.compareAndSet(false, true))
          .ifPresent(reason -> LOG.log(Level.WARNING, "weights are not placed by rows: " + reason));
    }
    return matrix;
  }

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
      if (placement.spreads()) {
        NativeMemory.useSmallPages(region);
      }
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
