package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/** The only way into {@link GateFunctions}: checks first, by {@link CallChecks}. */
final class GateCalls {
  private static final ValueLayout.OfLong WORD = ValueLayout.JAVA_LONG;
  private static final MethodHandle SILU =
      Linker.nativeLinker().downcallHandle(FunctionDescriptor.ofVoid(WORD, WORD));

  private GateCalls() {}

  /**
   * Computes silu(gate) * up.
   *
   * @param functions the functions
   * @param sums for each of count 32 floats of gate and 32 of up; afterwards 32 for each
   * @param count how many, at least 1
   */
  static void silu(GateFunctions functions, MemorySegment sums, int count) {
    if (count < 1) {
      throw new IllegalArgumentException(count + " sums of gate and up");
    }
    long bytes = count * GroupProducts.SUM_BYTES;
    long at = CallChecks.address(CallChecks.writable(sums), 0, bytes);
    try {
      SILU.invokeExact(functions.silu(), at, (long) count);
    } catch (Throwable e) {
      throw CallChecks.unchecked(e);
    }
  }
}
