package io.moka.kernels.cpu.vector;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class RoofProbeTest {
  /** Machines with more threads than the probe has chunks have a bandwidth too. */
  @Test
  void everyThreadReadsHoweverLittleMemoryThereIs() {
    RoofProbe.Roof roof = RoofProbe.measure(3, 1);
    assertThat(roof.oneStream()).isPositive().isFinite();
    assertThat(roof.fourStreams()).isPositive().isFinite();
    assertThat(roof.flops()).isPositive().isFinite();
  }
}
