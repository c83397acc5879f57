package io.moka.kernels.cpu.vector;

import io.moka.kernels.Activations;
import io.moka.kernels.AllocationContract;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;
import io.moka.kernels.QuantisedContract;

/** The contract at the width that the JVM was started with; the build runs it at all three. */
class VectorKernelsTest extends KernelsContract
    implements AllocationContract, Bf16Contract, QuantisedContract {
  @Override
  public Kernels open(int threads) {
    return KernelChoice.VECTOR.open(threads);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return KernelChoice.VECTOR.open(threads, activations);
  }

  @Override
  public boolean sumsInOrder() {
    return true;
  }
}
