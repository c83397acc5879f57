package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Activations;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.vector.VectorKernels;
import io.moka.kernels.cpu.vector.VectorProducts;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract on a processor with tiles, as if it had none. */
class X86WithoutTilesTest extends X86KernelsTest {
  private static CpuFeatures features;

  @BeforeAll
  static void leavesTilesOut() {
    CpuFeatures all = AmxInt8CallsTest.features();
    Set<CpuFeatures.Feature> fewer = EnumSet.copyOf(all.present());
    fewer.remove(CpuFeatures.Feature.AMX_INT8);
    fewer.remove(CpuFeatures.Feature.AMX_BF16);
    features = new CpuFeatures(fewer, all.family(), all.model());
  }

  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    X86Products products =
        ((X86Products.Ready)
                X86Products.open(activations, new VectorProducts(activations), features))
            .products();
    return new VectorKernels(threads, products, products.spans(), products::close);
  }

  @Test
  void saysSo() {
    try (Kernels kernels = open(1)) {
      assertThat(kernels.description()).doesNotContain("AMX");
    }
    try (Kernels kernels = super.open(1)) {
      assertThat(kernels.description()).contains("AMX");
    }
  }
}
