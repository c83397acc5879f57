package io.moka.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.kernels.reference.ReferenceKernels;
import io.moka.moe.RoutingRule.Score;
import java.lang.foreign.Arena;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Corners of the routing contract that random data does not reach. */
class RouterTest {
  private static final float[] NO_BIAS = {};
  private static final float INFINITY = Float.POSITIVE_INFINITY;

  private final Kernels kernels = new ReferenceKernels();

  @Test
  void ofEqualScoresTheLowerIdWins() {
    RouterResult result = route(RoutingRule.softmax(3, true), NO_BIAS, 1, 2, 1, 2, 2, 1);
    assertThat(experts(result, 0)).containsExactly(1, 3, 4);
    assertThat(weights(result, 0)).containsExactly(1 / 3f, 1 / 3f, 1 / 3f);
    assertThat(experts(route(RoutingRule.softmax(3, true), NO_BIAS, 0, 0, 0, 0), 0))
        .containsExactly(0, 1, 2);
  }

  @Test
  void ofEqualGroupsTheLowerIdWins() {
    RoutingRule rule = new RoutingRule(Score.SIGMOID, 2, 3, 1, false, 1);
    assertThat(experts(route(rule, NO_BIAS, 1, 2, 2, 1, 1, 2), 0)).containsExactly(1, 0);
  }

  @Test
  void theBiasChoosesButDoesNotWeigh() {
    RoutingRule rule = new RoutingRule(Score.SIGMOID, 2, 1, 1, false, 1);
    RouterResult result = route(rule, new float[] {0, 0, 5, 4}, 3, 0, -1, 0);
    assertThat(experts(result, 0)).containsExactly(3, 2);
    assertThat(weights(result, 0)[0]).isEqualTo(0.5f);
    assertThat(weights(result, 0)[1]).isBetween(0.268f, 0.270f);
  }

  @Test
  void groupsOfOneCountForTheirOnlyScore() {
    RoutingRule rule = new RoutingRule(Score.SIGMOID, 2, 4, 2, true, 1);
    assertThat(experts(route(rule, NO_BIAS, -1, 3, -2, 1), 0)).containsExactly(1, 3);
  }

  /** Also where nothing but negative infinity is left to choose from. */
  @Test
  void noExpertComesTwice() {
    float[] forbidden = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    RoutingRule rule = new RoutingRule(Score.SIGMOID, 3, 1, 1, false, 1);
    assertThat(experts(route(rule, forbidden, 1, 2, 3, 4), 0)).containsExactlyInAnyOrder(0, 1, 2);
    float[] damaged = {0, Float.NaN, Float.NaN, 0};
    assertThat(experts(route(rule, damaged, 1, 2, 3, 4), 0)).contains(0, 3).doesNotHaveDuplicates();
  }

  @ParameterizedTest
  @EnumSource
  void logitsThatAreNoNumbersGiveWeightsThatAreNone(Score score) {
    RoutingRule rule = new RoutingRule(score, 2, 2, 1, true, 1);
    for (int at = 0; at < 4; at++) {
      float[] logits = {1, 2, 3, 4};
      logits[at] = Float.NaN;
      RouterResult result = route(rule, NO_BIAS, logits);
      assertThat(experts(result, 0)).doesNotHaveDuplicates();
      assertThat(weights(result, 0)).containsOnly(Float.NaN);
    }
  }

  @ParameterizedTest
  @EnumSource
  void infiniteLogitsChooseDistinctExperts(Score score) {
    RoutingRule rule = new RoutingRule(score, 3, 2, 2, true, 1);
    for (float[] logits :
        new float[][] {
          {INFINITY, INFINITY, 0, 0},
          {-INFINITY, -INFINITY, -INFINITY, -INFINITY},
          {-INFINITY, 0, INFINITY, 1}
        }) {
      assertThat(experts(route(rule, NO_BIAS, logits), 0)).doesNotHaveDuplicates();
    }
  }

  @ParameterizedTest
  @EnumSource
  void aRowDependsOnItselfAlone(Score score) {
    int rows = 40;
    int experts = 24;
    RoutingRule rule = new RoutingRule(score, 5, 4, 2, true, 1.5f);
    Router router = new Router(rule, experts);
    Random random = new Random(7);
    float[] bias = new float[experts];
    IntStream.range(0, experts).forEach(e -> bias[e] = random.nextFloat());
    try (Arena arena = Arena.ofShared()) {
      Rows all = Rows.allocate(arena, rows, experts);
      Rows one = Rows.allocate(arena, 1, experts);
      IntStream.range(0, rows * experts)
          .forEach(i -> all.set(i / experts, i % experts, 9 * (float) random.nextGaussian()));
      RouterResult together = new RouterResult(rows, 5);
      RouterResult alone = new RouterResult(1, 5);
      router.route(kernels, all, bias, rows, together);
      for (int row = 0; row < rows; row++) {
        for (int e = 0; e < experts; e++) {
          one.set(0, e, all.get(row, e));
        }
        router.route(kernels, one, bias, 1, alone);
        assertThat(experts(together, row)).isEqualTo(experts(alone, 0)).doesNotHaveDuplicates();
        assertThat(weights(together, row)).isEqualTo(weights(alone, 0));
      }
    }
  }

  @Test
  void rulesThatCannotHoldAreRefused() {
    assertThatThrownBy(() -> new RoutingRule(Score.SOFTMAX, 0, 1, 1, true, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new RoutingRule(Score.SOFTMAX, 1, 2, 3, true, 1))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Router(RoutingRule.softmax(5, true), 4))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Router(new RoutingRule(Score.SOFTMAX, 3, 2, 1, true, 1), 4))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> route(RoutingRule.softmax(1, true), new float[3], 1, 2))
        .isInstanceOf(IllegalArgumentException.class);
  }

  private RouterResult route(RoutingRule rule, float[] bias, float... logits) {
    RouterResult result = new RouterResult(1, rule.topK());
    try (Arena arena = Arena.ofConfined()) {
      Rows rows = Rows.allocate(arena, 1, logits.length);
      IntStream.range(0, logits.length).forEach(e -> rows.set(0, e, logits[e]));
      new Router(rule, logits.length).route(kernels, rows, bias, 1, result);
    }
    return result;
  }

  private static int[] experts(RouterResult result, int row) {
    return IntStream.range(0, result.topK()).map(rank -> result.expert(row, rank)).toArray();
  }

  private static float[] weights(RouterResult result, int row) {
    float[] weights = new float[result.topK()];
    IntStream.range(0, weights.length).forEach(rank -> weights[rank] = result.weight(row, rank));
    return weights;
  }
}
