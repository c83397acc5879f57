package io.moka.kernels.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.Locale;

/**
 * Memory with machine code in it: mapped for writing, filled, then sealed for execution. It is
 * never both writable and executable. The owner closes it when no call is under way; the entries'
 * lifetime ends with it, so a later call is refused.
 */
final class CodeMemory implements AutoCloseable {
  private static final int PROT_READ = 1;
  private static final int PROT_WRITE = 2;
  private static final int PROT_EXEC = 4;
  private static final int MAP_PRIVATE_ANONYMOUS = 0x02 | 0x20;
  private static final long MAP_FAILED = -1;
  private static final long PAGE_BYTES = 4096;

  /** What became of an attempt to load code. */
  sealed interface Result {}

  /** The code is there. */
  record Loaded(CodeMemory memory) implements Result {}

  /** It is not, and why: one clause for a log. */
  record Refused(String reason) implements Result {}

  private final Arena arena;
  private final MemorySegment code;

  private CodeMemory(Arena arena, MemorySegment code) {
    this.arena = arena;
    this.code = code;
  }

  /** Loads code; a machine or a policy that does not allow it is an answer, not an error. */
  static Result load(byte[] code) {
    return load(code, System.getProperty("os.name"), System.getProperty("os.arch"));
  }

  static Result load(byte[] code, String system, String architecture) {
    boolean linux = system.toLowerCase(Locale.ROOT).contains("linux");
    if (!linux || !architecture.equals("amd64")) {
      return new Refused(
          "machine code is written for Linux on amd64, this is " + system + " on " + architecture);
    }
    try {
      return load(code, SystemCalls.find());
    } catch (IllegalCallerException e) {
      return new Refused(
          "native access is off: start java with --enable-native-access=ALL-UNNAMED");
    }
  }

  private static Result load(byte[] code, SystemCalls calls) {
    long bytes = Math.max(1, (code.length + PAGE_BYTES - 1) / PAGE_BYTES) * PAGE_BYTES;
    try (Arena state = Arena.ofConfined()) {
      MemorySegment errno = state.allocate(SystemCalls.STATE);
      long address = calls.map(errno, bytes, PROT_READ | PROT_WRITE);
      if (address == MAP_FAILED) {
        return new Refused("mmap of " + bytes + " bytes failed: errno " + SystemCalls.errno(errno));
      }
      MemorySegment.copy(
          code,
          0,
          MemorySegment.ofAddress(address).reinterpret(code.length),
          ValueLayout.JAVA_BYTE,
          0,
          code.length);
      if (calls.protect(errno, address, bytes, PROT_READ | PROT_EXEC) != 0) {
        int number = SystemCalls.errno(errno);
        calls.unmap(errno, address, bytes);
        return new Refused("the system forbids new executable memory: mprotect errno " + number);
      }
      Arena arena = Arena.ofShared();
      MemorySegment segment =
          MemorySegment.ofAddress(address)
              .reinterpret(bytes, arena, gone -> unmap(calls, gone.address(), bytes));
      return new Loaded(new CodeMemory(arena, segment.asReadOnly()));
    }
  }

  private static void unmap(SystemCalls calls, long address, long bytes) {
    try (Arena state = Arena.ofConfined()) {
      calls.unmap(state.allocate(SystemCalls.STATE), address, bytes);
    }
  }

  /**
   * Where a function begins; the target of a downcall.
   *
   * @param offset bytes from the start of the code
   */
  MemorySegment entry(int offset) {
    return code.asSlice(offset);
  }

  /** Where functions begin. */
  MemorySegment[] entries(int[] offsets) {
    return Arrays.stream(offsets).mapToObj(this::entry).toArray(MemorySegment[]::new);
  }

  @Override
  public void close() {
    arena.close();
  }

  /** The three calls into the C library. */
  private record SystemCalls(MethodHandle mmap, MethodHandle mprotect, MethodHandle munmap) {
    static final MemoryLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO =
        STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

    static SystemCalls find() {
      ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
      ValueLayout.OfInt number = ValueLayout.JAVA_INT;
      return new SystemCalls(
          find("mmap", FunctionDescriptor.of(word, word, word, number, number, number, word)),
          find("mprotect", FunctionDescriptor.of(number, word, word, number)),
          find("munmap", FunctionDescriptor.of(number, word, word)));
    }

    private static MethodHandle find(String name, FunctionDescriptor descriptor) {
      Linker linker = Linker.nativeLinker();
      return linker.downcallHandle(
          linker.defaultLookup().findOrThrow(name),
          descriptor,
          Linker.Option.captureCallState("errno"));
    }

    static int errno(MemorySegment state) {
      return (int) ERRNO.get(state, 0L);
    }

    long map(MemorySegment state, long bytes, int protection) {
      try {
        return (long) mmap.invokeExact(state, 0L, bytes, protection, MAP_PRIVATE_ANONYMOUS, -1, 0L);
      } catch (Throwable impossible) {
        throw new AssertionError(impossible);
      }
    }

    int protect(MemorySegment state, long address, long bytes, int protection) {
      try {
        return (int) mprotect.invokeExact(state, address, bytes, protection);
      } catch (Throwable impossible) {
        throw new AssertionError(impossible);
      }
    }

    void unmap(MemorySegment state, long address, long bytes) {
      try {
        int ignored = (int) munmap.invokeExact(state, address, bytes);
      } catch (Throwable impossible) {
        throw new AssertionError(impossible);
      }
    }
  }
}
