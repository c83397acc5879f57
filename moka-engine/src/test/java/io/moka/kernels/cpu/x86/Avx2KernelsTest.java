package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.kernels.AllocationContract;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;
import io.moka.kernels.QuantisedContract;

/** The contract of all kernels, on machine code of 256 bits. */
class Avx2KernelsTest extends KernelsContract
    implements AllocationContract, Bf16Contract, QuantisedContract {
  /** The last step of instructions to use. */
  InstructionSet most() {
    return InstructionSet.AVX2;
  }

  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return X86Kernels.open(threads, activations, most());
  }

  @Override
  public boolean sumsInOrder() {
    return true;
  }
}
