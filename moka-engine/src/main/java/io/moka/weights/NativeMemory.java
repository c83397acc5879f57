package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Large blocks of zeros whose pages the system hands out at first touch. An arena's own allocation
 * writes every zero itself, on one thread; for gigabytes of weights that would cost seconds.
 */
public final class NativeMemory {
  private static final long MAPPED_FROM_BYTES = 1 << 20;
  private static final int PROT_READ_WRITE = 3;
  private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
  private static final int MADV_DONTNEED = 4;
  private static final int MADV_HUGEPAGE = 14;
  private static final int MADV_NOHUGEPAGE = 15;
  private static final int MADV_POPULATE_READ = 22;
  private static final boolean LINUX =
      System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux");
  private static final long PAGE_BYTES = 4096;

  /** A vector of 512 bits, and a cache line. */
  private static final int ALIGNMENT = 64;

  private NativeMemory() {}

  /** The calls into the C library; loaded on Linux alone. */
  private static final class LibC {
    static final MethodHandle MMAP =
        handle(
            "mmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
    static final MethodHandle MUNMAP =
        handle(
            "munmap",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
    static final MethodHandle MADVISE =
        handle(
            "madvise",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));

    private LibC() {}

    private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
    }
  }

  /**
   * Allocates zeros.
   *
   * @param arena who owns them; a closed arena gives them back
   * @param bytes how many
   * @return a segment, 64-byte aligned
   * @throws OutOfMemoryError when the address space is exhausted
   */
  public static MemorySegment allocate(Arena arena, long bytes) {
    if (!LINUX || bytes < MAPPED_FROM_BYTES || arena instanceof WeightArena) {
      return arena.allocate(bytes, ALIGNMENT);
    }
    long address = map(bytes);
    if (address == -1) {
      return arena.allocate(bytes, ALIGNMENT);
    }
    advise(address, bytes, MADV_HUGEPAGE);
    return MemorySegment.ofAddress(address)
        .reinterpret(bytes, arena, segment -> unmap(segment.address(), bytes));
  }

  /**
   * Takes back the wish for huge pages.
   *
   * @param memory whole pages from {@link #allocate} that nobody has touched
   */
  static void useSmallPages(MemorySegment memory) {
    if (LINUX) {
      advise(memory.address(), memory.byteSize(), MADV_NOHUGEPAGE);
    }
  }

  /**
   * Tells the system that the pages of a mapped file need not stay in memory; they can still be
   * read. Does nothing to other memory, which would lose its contents.
   *
   * @param mapped part of a file mapped for reading
   */
  public static void release(MemorySegment mapped) {
    advisePages(mapped, MADV_DONTNEED);
  }

  /**
   * Maps all pages of a mapped file in one call; one by one as they are read, they would cost more
   * than the reading.
   *
   * @param mapped part of a file mapped for reading
   */
  public static void populate(MemorySegment mapped) {
    advisePages(mapped, MADV_POPULATE_READ);
  }

  /**
   * A mapped file as memory of the kind that {@link #allocate} gives. Kernels whose call sites meet
   * one kind of segment stay quick; a mapped one is of another.
   *
   * @param mapped a file mapped for reading
   * @param arena the owner of the mapping
   * @return the same bytes, read-only; {@link #release} and {@link #populate} do nothing to it
   */
  public static MemorySegment view(MemorySegment mapped, Arena arena) {
    return MemorySegment.ofAddress(mapped.address())
        .reinterpret(mapped.byteSize(), arena, segment -> {})
        .asReadOnly();
  }

  /** Best effort: a system that does not know the advice refuses it, and nothing changes. */
  private static void advisePages(MemorySegment mapped, int advice) {
    if (!mapped.isMapped() || !mapped.isReadOnly() || !mapped.scope().isAlive()) {
      return;
    }
    long first = (mapped.address() + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    long end = (mapped.address() + mapped.byteSize()) / PAGE_BYTES * PAGE_BYTES;
    if (LINUX && end > first) {
      advise(first, end - first, advice);
    }
  }

  private static long map(long bytes) {
    try {
      return (long)
          LibC.MMAP.invokeExact(
              0L, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0L);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int ignored = (int) LibC.MUNMAP.invokeExact(address, bytes);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static void advise(long address, long bytes, int advice) {
    try {
      int ignored = (int) LibC.MADVISE.invokeExact(address, bytes, advice);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }
}
