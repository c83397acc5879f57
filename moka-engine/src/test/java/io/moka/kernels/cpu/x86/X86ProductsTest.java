package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.Bf16Contract;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.vector.VectorKernels;
import io.moka.kernels.cpu.vector.VectorProducts;
import io.moka.weights.WeightFormat;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * A processor with AVX-512 VNNI that has no BF16 and no tiles: the Vector API multiplies rounded
 * rows.
 */
class X86ProductsTest implements Bf16Contract {
  private static CpuFeatures features;

  @BeforeAll
  static void leavesBf16Out() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    CpuFeatures all = ((CpuFeatures.Found) detected).features();
    Set<CpuFeatures.Feature> fewer = EnumSet.copyOf(all.present());
    fewer.remove(CpuFeatures.Feature.AVX512_BF16);
    fewer.remove(CpuFeatures.Feature.AMX_INT8);
    fewer.remove(CpuFeatures.Feature.AMX_BF16);
    features = new CpuFeatures(fewer, all.family(), all.model());
    String missing = features.missing(CpuFeatures.VNNI_512);
    assumeTrue(missing.isEmpty(), missing);
  }

  private static X86Products products(Activations activations) {
    X86Products.Attempt attempt =
        X86Products.open(activations, new VectorProducts(activations), features);
    return ((X86Products.Ready) attempt).products();
  }

  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    X86Products products = products(activations);
    return new VectorKernels(threads, products, products.spans(), products::close);
  }

  @Test
  void keepsTheOtherMachineCode() {
    try (X86Products products = products(Activations.BF16)) {
      assertThat(products.description()).isEqualTo("x86 machine code, AVX-512 VNNI");
      assertThat(products.usesTiles(WeightFormat.BF16)).isTrue();
      assertThat(products.usesTiles(WeightFormat.Q8_0)).isTrue();
      assertThat(products.usesTiles(WeightFormat.F16)).isFalse();
    }
  }
}
