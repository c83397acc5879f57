package io.moka.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.moka.kernels.RouterResult;
import org.junit.jupiter.api.Test;

class RoutingStatsTest {
  @Test
  void countsByLayerAndExpert() {
    RouterResult result = new RouterResult(3, 2);
    int[][] chosen = {{0, 1}, {0, 2}, {3, 3}};
    for (int row = 0; row < 3; row++) {
      result.set(row, 0, chosen[row][0], 0.5f);
      result.set(row, 1, chosen[row][1], 0.5f);
    }
    RoutingStats stats = new RoutingStats(2, 4);
    stats.record(1, result, 2);
    stats.record(1, result, 2);
    assertThat(stats.layers()).isEqualTo(2);
    assertThat(stats.experts()).isEqualTo(4);
    assertThat(stats.count(1, 0)).isEqualTo(4);
    assertThat(stats.count(1, 2)).isEqualTo(2);
    assertThat(stats.total(1)).isEqualTo(8);
    assertThat(stats.maxShare(1)).isEqualTo(0.5);
    assertThat(stats.unused(1)).isEqualTo(1);
    // shares 1/2, 1/4, 1/4, 0: an entropy of 1.5 bits of 2
    assertThat(stats.evenness(1)).isCloseTo(0.75, within(1e-12));
    assertThat(stats.maxShare(0)).isZero();
    assertThat(stats.evenness(0)).isZero();
    stats.reset();
    assertThat(stats.total(1)).isZero();
  }
}
