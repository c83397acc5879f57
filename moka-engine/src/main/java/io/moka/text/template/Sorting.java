package io.moka.text.template;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * A stable merge sort. Java's own sort throws when an order contradicts itself, and a template can
 * bring one about with not-a-number.
 */
final class Sorting {
  private Sorting() {}

  /** The items in order; in reverse, equal ones still keep their order, as in Python. */
  static <T> List<T> sorted(Budget budget, List<T> items, Comparator<T> order, boolean reverse) {
    Comparator<T> direction = reverse ? (a, b) -> order.compare(b, a) : order;
    return sorted(budget, items, direction);
  }

  private static <T> List<T> sorted(Budget budget, List<T> items, Comparator<T> order) {
    if (items.size() < 2) {
      return items;
    }
    budget.steps(items.size());
    int middle = items.size() / 2;
    List<T> left = sorted(budget, items.subList(0, middle), order);
    List<T> right = sorted(budget, items.subList(middle, items.size()), order);
    List<T> merged = new ArrayList<>(items.size());
    int i = 0;
    int j = 0;
    while (i < left.size() && j < right.size()) {
      merged.add(order.compare(right.get(j), left.get(i)) < 0 ? right.get(j++) : left.get(i++));
    }
    merged.addAll(left.subList(i, left.size()));
    merged.addAll(right.subList(j, right.size()));
    return merged;
  }
}
