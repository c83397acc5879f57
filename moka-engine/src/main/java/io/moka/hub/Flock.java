package io.moka.hub;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Path;
import java.util.Optional;

/**
 * {@code flock} of the C library, which huggingface_hub locks by. The JDK's own locks are of
 * another kind, and on Linux the two do not see each other.
 */
final class Flock {
  private static final int READ_WRITE = 2;
  private static final int EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB
  private static final int AGAIN_LINUX = 11;
  private static final int AGAIN_BSD = 35;

  private static final Linker LINKER = Linker.nativeLinker();
  private static final StructLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private final int descriptor;

  private Flock(int descriptor) {
    this.descriptor = descriptor;
  }

  /** The calls; loaded where there are such. */
  private static final class LibC {
    static final MethodHandle OPEN =
        LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("open"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.JAVA_INT),
            Linker.Option.firstVariadicArg(2),
            Linker.Option.captureCallState("errno"));
    static final MethodHandle FLOCK =
        LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("flock"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT),
            Linker.Option.captureCallState("errno"));
    static final MethodHandle CLOSE =
        LINKER.downcallHandle(
            LINKER.defaultLookup().findOrThrow("close"),
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));

    private LibC() {}
  }

  /** Whether this system has it; Windows has not. */
  static boolean isKnown() {
    return LINKER.defaultLookup().find("flock").isPresent();
  }

  /** Locks a file that exists; empty where somebody else has locked it. */
  static Optional<Flock> tryLock(Path file) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      int descriptor = open(state, arena.allocateFrom(file.toString()));
      if (descriptor < 0) {
        throw new IOException(file + ": cannot be opened: errno " + errno(state));
      }
      if (flock(state, descriptor) == 0) {
        return Optional.of(new Flock(descriptor));
      }
      int errno = errno(state);
      close(descriptor);
      if (errno == AGAIN_LINUX || errno == AGAIN_BSD) {
        return Optional.empty();
      }
      throw new IOException(
          file
              + ": cannot be locked: errno "
              + errno
              + "; put the cache on a disk that knows locks");
    }
  }

  void unlock() {
    close(descriptor);
  }

  private static int errno(MemorySegment state) {
    return (int) ERRNO.get(state, 0L);
  }

  private static int open(MemorySegment state, MemorySegment path) {
    try {
      return (int) LibC.OPEN.invokeExact(state, path, READ_WRITE);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static int flock(MemorySegment state, int descriptor) {
    try {
      return (int) LibC.FLOCK.invokeExact(state, descriptor, EXCLUSIVE_NOW);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  private static void close(int descriptor) {
    try {
      int ignored = (int) LibC.CLOSE.invokeExact(descriptor);
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }
}
