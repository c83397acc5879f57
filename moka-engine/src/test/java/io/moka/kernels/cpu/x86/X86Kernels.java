package io.moka.kernels.cpu.x86;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.CpuKernels;
import io.moka.kernels.cpu.NodeThreads;
import io.moka.kernels.cpu.vector.TwoPartProducts;
import io.moka.kernels.cpu.vector.VectorProducts;
import io.moka.kernels.cpu.vector.VectorSpans;

/** Kernels in machine code that use less than this machine has. */
public final class X86Kernels {
  private X86Kernels() {}

  /** Skips the test where the machine lacks what the step brings. */
  public static Kernels open(int threads, Activations activations, InstructionSet most) {
    return open(threads, activations, Processor.upTo(most));
  }

  static Kernels open(int threads, Activations activations, CpuFeatures features) {
    X86Products.Attempt attempt =
        X86Products.open(activations, new VectorProducts(activations), features);
    assumeTrue(attempt instanceof X86Products.Ready, attempt.toString());
    X86Products products = ((X86Products.Ready) attempt).products();
    return new CpuKernels(
        NodeThreads.onOneNode(threads),
        TwoPartProducts.around(products, activations),
        products.spans(new VectorSpans(activations)));
  }
}
