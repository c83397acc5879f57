package io.moka.kernels.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Optional;

/**
 * Asks Linux to let this process use tiles, whose 8 KiB it saves for threads that were let alone
 * (Documentation/arch/x86/xstate.rst). Holds for all threads, until the process ends; asking again
 * does no harm.
 */
final class TilePermission {
  private static final long ARCH_PRCTL = 158;
  private static final long ARCH_REQ_XCOMP_PERM = 0x1023;
  private static final long XFEATURE_XTILEDATA = 18;

  private TilePermission() {}

  /** Asks; answers with a reason where the system refuses. */
  static Optional<String> request() {
    return request(XFEATURE_XTILEDATA);
  }

  /** As above, for any state of the processor that the system saves on request. */
  static Optional<String> request(long feature) {
    MemoryLayout layout = Linker.Option.captureStateLayout();
    VarHandle number = layout.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    Linker linker = Linker.nativeLinker();
    Optional<MemorySegment> function = linker.defaultLookup().find("syscall");
    if (function.isEmpty()) {
      return Optional.of("the C library has no syscall to ask for tiles");
    }
    MethodHandle syscall =
        linker.downcallHandle(
            function.get(),
            FunctionDescriptor.of(word, word, word, word),
            Linker.Option.firstVariadicArg(1),
            Linker.Option.captureCallState("errno"));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(layout);
      long result = (long) syscall.invokeExact(state, ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, feature);
      return result == 0
          ? Optional.empty()
          : Optional.of("the system does not permit tiles: errno " + (int) number.get(state, 0L));
    } catch (RuntimeException e) {
      throw e;
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }
}
