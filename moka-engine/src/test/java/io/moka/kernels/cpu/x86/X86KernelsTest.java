package io.moka.kernels.cpu.x86;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.AllocationContract;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;
import io.moka.kernels.QuantisedContract;
import java.util.Optional;
import org.junit.jupiter.api.BeforeAll;

/** The contract of all kernels, on machine code. */
class X86KernelsTest extends KernelsContract
    implements AllocationContract, Bf16Contract, QuantisedContract {
  @BeforeAll
  static void needsMachineCode() {
    Optional<String> reason = KernelChoice.whyNoMachineCode();
    assumeTrue(reason.isEmpty(), () -> "no machine code here: " + reason.orElseThrow());
  }

  @Override
  public Kernels open(int threads) {
    return KernelChoice.X86.open(threads);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return KernelChoice.X86.open(threads, activations);
  }

  @Override
  public boolean sumsInOrder() {
    return true;
  }
}
