package io.moka.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.moka.kernels.RouterResult;
import java.util.HashSet;
import java.util.Set;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RandomRoutingTest {
  @ParameterizedTest
  @CsvSource({"1, 1", "8, 8", "13, 3", "128, 8"})
  void eachRowGetsDistinctExpertsOfEqualWeight(int experts, int topK) {
    int rows = 200;
    RouterResult result = new RouterResult(rows, topK);
    RandomRouting.route(LongStream.range(0, rows).toArray(), rows, 3, experts, result);
    for (int row = 0; row < rows; row++) {
      Set<Integer> chosen = new HashSet<>();
      for (int rank = 0; rank < topK; rank++) {
        assertThat(result.expert(row, rank)).isBetween(0, experts - 1);
        assertThat(result.weight(row, rank)).isEqualTo(1f / topK);
        chosen.add(result.expert(row, rank));
      }
      assertThat(chosen).hasSize(topK);
    }
  }

  @Test
  void theChoiceFollowsFromKeyAndLayerAlone() {
    RouterResult many = new RouterResult(3, 4);
    RouterResult one = new RouterResult(1, 4);
    RandomRouting.route(new long[] {11, 12, 13}, 3, 5, 64, many);
    RandomRouting.route(new long[] {13}, 1, 5, 64, one);
    assertThat(row(one, 0)).isEqualTo(row(many, 2)).isNotEqualTo(row(many, 1));
    RandomRouting.route(new long[] {13}, 1, 6, 64, one);
    assertThat(row(one, 0)).isNotEqualTo(row(many, 2));
  }

  @Test
  void loadIsEven() {
    int rows = 10_000;
    int experts = 16;
    RouterResult result = new RouterResult(rows, 2);
    RandomRouting.route(LongStream.range(0, rows).toArray(), rows, 0, experts, result);
    RoutingStats stats = new RoutingStats(2, experts);
    stats.record(1, result, rows);
    assertThat(stats.evenness(1)).isGreaterThan(0.999);
    assertThat(stats.maxShare(1)).isCloseTo(1.0 / experts, within(0.005));
    assertThat(stats.unused(1)).isZero();
    assertThat(stats.total(1)).isEqualTo(2L * rows);
    assertThat(stats.total(0)).isZero();
  }

  private static String row(RouterResult result, int row) {
    StringBuilder text = new StringBuilder();
    for (int rank = 0; rank < result.topK(); rank++) {
      text.append(result.expert(row, rank)).append(' ');
    }
    return text.toString();
  }
}
