package io.moka.kernels.reference;

import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;

class ReferenceKernelsTest extends KernelsContract {
  @Override
  public Kernels open(int threads) {
    return new ReferenceKernels();
  }

  @Override
  public int[] threadCounts() {
    return new int[] {1};
  }
}
