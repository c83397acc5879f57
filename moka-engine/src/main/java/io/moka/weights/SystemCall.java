package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.util.Locale;
import java.util.Optional;

/** Calls of Linux on x86-64 by their numbers, for those that not every C library has by name. */
public final class SystemCall {
  private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
  private static final VarHandle ERRNO =
      STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));

  private final MethodHandle syscall;

  private SystemCall(MethodHandle syscall) {
    this.syscall = syscall;
  }

  /**
   * Looks for them.
   *
   * @return empty on another system or processor
   * @throws IllegalCallerException where the JVM was started without native access
   */
  public static Optional<SystemCall> find() {
    boolean linux = System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux");
    if (!linux || !System.getProperty("os.arch").equals("amd64")) {
      return Optional.empty();
    }
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    Linker linker = Linker.nativeLinker();
    return linker
        .defaultLookup()
        .find("syscall")
        .map(function ->
            new SystemCall(
                linker.downcallHandle(
                    function,
                    FunctionDescriptor.of(word, word, word, word, word, word, word),
                    Linker.Option.firstVariadicArg(1),
                    Linker.Option.captureCallState("errno"))));
  }

  /**
   * Calls; what a call does not take is 0.
   *
   * @param number which, by Linux's table for x86-64
   * @param a the first argument; an address is one of memory that outlives the call
   * @param b the second
   * @param c the third
   * @param d the fourth
   * @param e the fifth
   * @return its result, or the number of the error below zero
   */
  public long call(long number, long a, long b, long c, long d, long e) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment state = arena.allocate(STATE);
      long result = (long) syscall.invokeExact(state, number, a, b, c, d, e);
      return result == -1 ? -(int) ERRNO.get(state, 0L) : result;
    } catch (RuntimeException failure) {
      throw failure;
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }
}
