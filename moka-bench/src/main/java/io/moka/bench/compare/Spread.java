package io.moka.bench.compare;

import java.util.List;

/**
 * The middle and the ends of some numbers.
 *
 * @param lowest the smallest
 * @param median the middle one, or the mean of the middle two
 * @param highest the largest
 */
record Spread(double lowest, double median, double highest) {
  static Spread of(List<Double> values) {
    if (values.isEmpty()) {
      throw new IllegalArgumentException("nothing was measured");
    }
    double[] sorted = values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    int middle = sorted.length / 2;
    double median =
        sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    return new Spread(sorted[0], median, sorted[sorted.length - 1]);
  }
}
