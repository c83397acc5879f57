package io.moka.moe;

import io.moka.kernels.FloatMath;
import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.moe.RoutingRule.Score;
import java.util.Arrays;

/**
 * Chooses experts. A row's choice depends on its logits alone; of equal scores the lower id wins.
 * Reused from step to step: nothing is allocated once the largest step has been seen.
 */
public final class Router {
  private static final float SUM_GUARD = 1e-20f;

  private final RoutingRule rule;
  private final int experts;
  private final Kernels.IndexedBody body = this::routeRow;
  private float[] scores = new float[0];
  private float[] choice = new float[0];
  private float[] groupValues = new float[0];
  private boolean[] kepts = new boolean[0];
  private Rows logits;
  private float[] bias = new float[0];
  private RouterResult result;

  /**
   * A router for all layers of one shape; they share its scratch.
   *
   * @param rule the contract
   * @param experts E, a multiple of the rule's groups
   */
  public Router(RoutingRule rule, int experts) {
    int allowed = experts / rule.nGroup() * rule.topkGroup();
    if (experts % rule.nGroup() != 0 || rule.topK() > allowed) {
      throw new IllegalArgumentException("%d experts do not fit %s".formatted(experts, rule));
    }
    this.rule = rule;
    this.experts = experts;
  }

  /**
   * Routes rows.
   *
   * @param kernels whose threads to use
   * @param routerLogits [T, E]
   * @param choiceBias added to the scores for choosing, never for weighing ({@code
   *     e_score_correction_bias}); E numbers, or none
   * @param rows T
   * @param out experts and weights, in descending order of weight
   */
  public void route(
      Kernels kernels, Rows routerLogits, float[] choiceBias, int rows, RouterResult out) {
    if (choiceBias.length != 0 && choiceBias.length != experts) {
      throw new IllegalArgumentException(choiceBias.length + " biases for " + experts + " experts");
    }
    out.reserve(rows);
    if (scores.length < rows * experts) {
      scores = new float[rows * experts];
      choice = new float[rows * experts];
      groupValues = new float[rows * rule.nGroup()];
      kepts = new boolean[rows * rule.nGroup()];
    }
    logits = routerLogits;
    bias = choiceBias;
    result = out;
    kernels.forEach(rows, body);
  }

  private void routeRow(int row) {
    int first = row * experts;
    if (Float.isNaN(score(row, first))) {
      fillWithNan(row);
      return;
    }
    for (int e = 0; e < experts; e++) {
      float value = scores[first + e] + (bias.length == 0 ? 0 : bias[e]);
      choice[first + e] = Float.isNaN(value) ? Float.NEGATIVE_INFINITY : value;
    }
    if (rule.nGroup() > 1) {
      excludeGroups(row, first);
    }
    choose(row, first);
    weigh(row);
    sortByWeight(row);
  }

  /**
   * Logits that are no numbers choose nothing; valid ids carry the NaN on to where it is reported.
   */
  private void fillWithNan(int row) {
    for (int rank = 0; rank < rule.topK(); rank++) {
      result.set(row, rank, rank, Float.NaN);
    }
  }

  /** Fills in the scores of a row; NaN when one of them is no number. */
  private float score(int row, int first) {
    float max = Float.NEGATIVE_INFINITY;
    for (int e = 0; e < experts; e++) {
      float z = logits.get(row, e);
      scores[first + e] = z;
      max = Math.max(max, z);
    }
    float sum = 0;
    for (int e = first; e < first + experts; e++) {
      scores[e] =
          switch (rule.score()) {
            case SOFTMAX -> FloatMath.exp(scores[e] - max);
            case SIGMOID -> FloatMath.sigmoid(scores[e]);
            case SQRT_SOFTPLUS -> (float) Math.sqrt(FloatMath.softplus(scores[e]));
          };
      sum += scores[e];
    }
    if (rule.score() == Score.SOFTMAX) {
      for (int e = first; e < first + experts; e++) {
        scores[e] /= sum;
      }
    }
    return sum;
  }

  /** Leaves only the best groups; a group counts for the sum of its best two. */
  private void excludeGroups(int row, int first) {
    int length = experts / rule.nGroup();
    int groups = row * rule.nGroup();
    for (int group = 0; group < rule.nGroup(); group++) {
      groupValues[groups + group] = bestTwo(first + group * length, length);
    }
    for (int kept = 0; kept < rule.topkGroup(); kept++) {
      int best = indexOfLargest(groupValues, groups, rule.nGroup());
      groupValues[groups + best] = Float.NEGATIVE_INFINITY;
      kepts[groups + best] = true;
    }
    for (int e = 0; e < experts; e++) {
      if (!kepts[groups + e / length]) {
        choice[first + e] = Float.NEGATIVE_INFINITY;
      }
    }
    Arrays.fill(kepts, groups, groups + rule.nGroup(), false);
  }

  /** The first of the largest; 0 when all are negative infinity. */
  private static int indexOfLargest(float[] values, int from, int count) {
    int best = 0;
    for (int i = 1; i < count; i++) {
      if (values[from + i] > values[from + best]) {
        best = i;
      }
    }
    return best;
  }

  private float bestTwo(int from, int length) {
    float best = Float.NEGATIVE_INFINITY;
    float second = Float.NEGATIVE_INFINITY;
    for (int e = from; e < from + length; e++) {
      if (choice[e] > best) {
        second = best;
        best = choice[e];
      } else if (choice[e] > second) {
        second = choice[e];
      }
    }
    return length == 1 ? best : best + second;
  }

  /**
   * The best k, best first: an expert passes another of a lower id only where it is strictly
   * better. Should fewer than k be eligible, the lowest ids follow, so that none comes twice.
   */
  private void choose(int row, int first) {
    int topK = rule.topK();
    for (int e = 0; e < experts; e++) {
      int rank = Math.min(e, topK);
      while (rank > 0 && choice[first + e] > choice[first + result.expert(row, rank - 1)]) {
        rank--;
        if (rank + 1 < topK) {
          move(row, rank, rank + 1);
        }
      }
      if (rank < topK) {
        result.set(row, rank, e, scores[first + e]);
      }
    }
  }

  private void move(int row, int from, int to) {
    result.set(row, to, result.expert(row, from), result.weight(row, from));
  }

  private void weigh(int row) {
    float sum = 0;
    for (int rank = 0; rank < rule.topK(); rank++) {
      sum += result.weight(row, rank);
    }
    for (int rank = 0; rank < rule.topK(); rank++) {
      float weight = result.weight(row, rank);
      if (rule.normTopkProb()) {
        weight /= sum + SUM_GUARD;
      }
      result.set(row, rank, result.expert(row, rank), weight * rule.routedScalingFactor());
    }
  }

  /** The bias may choose in another order than that of the weights. */
  private void sortByWeight(int row) {
    for (int rank = 1; rank < rule.topK(); rank++) {
      int expert = result.expert(row, rank);
      float weight = result.weight(row, rank);
      int at = rank;
      for (; at > 0 && result.weight(row, at - 1) < weight; at--) {
        move(row, at - 1, at);
      }
      result.set(row, at, expert, weight);
    }
  }
}
