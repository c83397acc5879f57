package io.moka.kernels.cpu;

import io.moka.kernels.Activations;
import io.moka.kernels.AllocationContract;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KernelsContract;
import io.moka.kernels.QuantisedContract;

/**
 * The contract on two and three memory nodes, all of them made up: the same bits as on one node,
 * where {@link #open} has one thread.
 */
class NodeKernelsTest extends KernelsContract implements AllocationContract, QuantisedContract {
  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return KernelChoice.VECTOR.open(
        switch (threads) {
          case 1 -> NodeThreads.onOneNode(1);
          case 2 -> new MadeUpNodes(4, 4).threads(2);
          default -> new MadeUpNodes(2, 3, 1).threads(threads);
        },
        activations);
  }

  @Override
  public int[] threadCounts() {
    return new int[] {2, 5};
  }

  @Override
  public boolean sumsInOrder() {
    return true;
  }
}
