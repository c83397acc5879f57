package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Activations;
import io.moka.kernels.Kernels;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The contract on a processor with tiles, as if it had none. */
class X86WithoutTilesTest extends X86KernelsTest {
  @BeforeAll
  static void needsTiles() {
    AmxInt8CallsTest.features();
  }

  @Override
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  @Override
  public Kernels open(int threads, Activations activations) {
    return X86Kernels.open(threads, activations, InstructionSet.AVX512);
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
