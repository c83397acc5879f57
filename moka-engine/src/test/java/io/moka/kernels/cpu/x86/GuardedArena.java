package io.moka.kernels.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Hands out memory that touches a page without any access: the page after its last byte, or the one
 * before its first. A read or a write beyond it ends the process.
 */
final class GuardedArena implements Arena {
  private static final long PAGE_BYTES = 4096;
  private static final MethodHandle MMAP =
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
  private static final MethodHandle MPROTECT =
      handle(
          "mprotect",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_LONG,
              ValueLayout.JAVA_INT));
  private static final MethodHandle MUNMAP =
      handle(
          "munmap",
          FunctionDescriptor.of(
              ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));

  private final Arena arena = Arena.ofShared();
  private final boolean atEnd;

  /**
   * An arena.
   *
   * @param atEnd whether the forbidden page that memory touches is the one after it
   */
  GuardedArena(boolean atEnd) {
    this.atEnd = atEnd;
  }

  private static MethodHandle handle(String name, FunctionDescriptor descriptor) {
    Linker linker = Linker.nativeLinker();
    return linker.downcallHandle(linker.defaultLookup().findOrThrow(name), descriptor);
  }

  @Override
  public MemorySegment allocate(long bytes, long alignment) {
    long pages = Math.max(1, (bytes + PAGE_BYTES - 1) / PAGE_BYTES);
    long total = (pages + 2) * PAGE_BYTES;
    try {
      // private, anonymous; nothing may touch it, then all but the first and last page are opened
      long address = (long) MMAP.invokeExact(0L, total, 0, 0x22, -1, 0L);
      int opened = (int) MPROTECT.invokeExact(address + PAGE_BYTES, pages * PAGE_BYTES, 3);
      if (address == -1 || opened != 0) {
        throw new IllegalStateException("no memory with guards: " + address + ", " + opened);
      }
      long first = address + PAGE_BYTES + (atEnd ? pages * PAGE_BYTES - bytes : 0);
      return MemorySegment.ofAddress(first)
          .reinterpret(bytes, arena, gone -> unmap(address, total));
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static void unmap(long address, long bytes) {
    try {
      int ignored = (int) MUNMAP.invokeExact(address, bytes);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  @Override
  public MemorySegment.Scope scope() {
    return arena.scope();
  }

  @Override
  public void close() {
    arena.close();
  }
}
