package io.moka.kernels;

import static io.moka.kernels.Bound.ROUNDING;

/**
 * How far two computations of attention in float may lie apart. A score errs like a product of d
 * terms; that becomes a relative error of its weight, beside those of e^x; sums over positions add
 * one rounding each.
 */
final class AttentionBound {
  private final TestSequence sequence;
  private final KvCache cache;
  private final Rows queries;
  private final int[] positions;
  private final double[][] errors;

  /** Relative error of a query and of a weight: one rounding to float, or one to bf16. */
  private double inputs;

  AttentionBound(TestSequence sequence, KvCache cache, Rows queries, int... positions) {
    this.sequence = sequence;
    this.cache = cache;
    this.queries = queries;
    this.positions = positions;
    this.errors = new double[positions.length][];
  }

  /** Where queries and weights are rounded to bf16. */
  static AttentionBound rounded(
      TestSequence sequence, KvCache cache, Rows queries, int... positions) {
    AttentionBound bound = new AttentionBound(sequence, cache, queries, positions);
    bound.inputs = 0x1p-8;
    return bound;
  }

  double at(int row, int column) {
    if (errors[row] == null) {
      errors[row] = new double[queries.columns()];
      for (int head = 0; head < sequence.shape().heads(); head++) {
        head(row, head);
      }
    }
    return errors[row][column];
  }

  private void head(int row, int head) {
    AttentionShape shape = sequence.shape();
    int first = Math.max(0, positions[row] - shape.window() + 1);
    int count = positions[row] - first + 1;
    double[] scores = new double[count];
    double highest = Double.NEGATIVE_INFINITY;
    double scoreError = 0;
    for (int p = 0; p < count; p++) {
      Bound score = score(row, head, first + p);
      scores[p] = score.value();
      highest = Math.max(highest, score.value());
      scoreError = Math.max(scoreError, score.error());
    }
    double sum = 0;
    double sumError = 0;
    double[] weights = new double[count];
    double[] relative = new double[count];
    for (int p = 0; p < count; p++) {
      weights[p] = Math.exp(scores[p] - highest);
      relative[p] =
          Math.expm1(2 * scoreError + (16 + 4 * (highest - scores[p])) * ROUNDING)
              + (count + 8) * ROUNDING
              + inputs;
      sum += weights[p];
      sumError += weights[p] * relative[p];
    }
    for (int i = 0; i < shape.headDim(); i++) {
      double error = Float.MIN_NORMAL;
      for (int p = 0; p < count; p++) {
        double share = weights[p] / sum * Math.abs(value(head, first + p, i));
        error += share * (relative[p] + sumError / sum) + 1e-36;
      }
      errors[row][head * shape.headDim() + i] = error;
    }
  }

  private Bound score(int row, int head, int position) {
    int headDim = sequence.shape().headDim();
    double[] key = new double[headDim];
    Bound[] query = new Bound[headDim];
    for (int i = 0; i < headDim; i++) {
      key[i] = key(head, position, i);
      double value = queries.get(row, head * headDim + i);
      query[i] = new Bound(value, inputs * Math.abs(value));
    }
    Bound product = Bound.dot(key, query);
    double root = Math.sqrt(headDim);
    double scaling = 3 * ROUNDING * Math.abs(product.value());
    return new Bound(product.value() / root, (product.error() + scaling) / root);
  }

  private double key(int head, int position, int dimension) {
    return cache.key(TestSequence.LAYER, block(position), kvHead(head), slot(position), dimension);
  }

  private double value(int head, int position, int dimension) {
    return cache.value(
        TestSequence.LAYER, block(position), kvHead(head), slot(position), dimension);
  }

  private int kvHead(int head) {
    return head / sequence.shape().group();
  }

  private int block(int position) {
    return sequence.blocks()[position / KvCache.BLOCK_TOKENS];
  }

  private static int slot(int position) {
    return position % KvCache.BLOCK_TOKENS;
  }
}
