package io.moka.kernels.cpu.x86;

import io.moka.weights.SystemCall;
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
    return SystemCall.find()
        .map(system -> answer(system.call(ARCH_PRCTL, ARCH_REQ_XCOMP_PERM, feature, 0, 0, 0)))
        .orElse(Optional.of("the C library has no syscall to ask for tiles"));
  }

  private static Optional<String> answer(long result) {
    return result == 0
        ? Optional.empty()
        : Optional.of("the system does not permit tiles: errno " + -result);
  }
}
