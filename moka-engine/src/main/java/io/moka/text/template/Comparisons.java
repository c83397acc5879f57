package io.moka.text.template;

import io.moka.text.template.Expression.Relation;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** Equality, order and membership as in Python. */
final class Comparisons {
  private Comparisons() {}

  /** Whether one comparison holds. */
  static boolean holds(Budget budget, Relation relation, Value left, Value right) {
    return switch (relation) {
      case EQUAL -> equal(budget, left, right);
      case NOT_EQUAL -> !equal(budget, left, right);
      case IN -> contains(budget, right, left);
      case NOT_IN -> !contains(budget, right, left);
      case LESS -> ordered(left, right) && compare(budget, left, right) < 0;
      case LESS_OR_EQUAL -> ordered(left, right) && compare(budget, left, right) <= 0;
      case GREATER -> ordered(left, right) && compare(budget, left, right) > 0;
      case GREATER_OR_EQUAL -> ordered(left, right) && compare(budget, left, right) >= 0;
    };
  }

  private static boolean ordered(Value left, Value right) {
    boolean numbers = Numbers.isNumber(left) && Numbers.isNumber(right);
    return !numbers || !Numbers.isNan(left) && !Numbers.isNan(right);
  }

  static boolean equal(Budget budget, Value left, Value right) {
    return equal(budget, left, right, 0);
  }

  private static boolean equal(Budget budget, Value left, Value right, int depth) {
    budget.valueDepth(depth);
    if (left == right) {
      return !Numbers.isNan(left);
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return ordered(left, right) && Numbers.compare(left, right) == 0;
    }
    return switch (left) {
      case Value.Text a when right instanceof Value.Text b -> {
        budget.text(a.value().length());
        yield a.value().equals(b.value());
      }
      case Value.ListValue a when right instanceof Value.ListValue b ->
          equalItems(budget, a.items(), b.items(), depth);
      case Value.Tuple a when right instanceof Value.Tuple b ->
          equalItems(budget, a.items(), b.items(), depth);
      case Dict a when right instanceof Dict b -> equalDicts(budget, a, b, depth);
      case Value.View a when right instanceof Value.View b -> {
        budget.steps((long) a.dict().size() + b.dict().size());
        yield equalItems(budget, a.items(), b.items(), depth);
      }
      case Value.Range a when right instanceof Value.Range b ->
          a.length() == b.length()
              && (a.length() == 0 || a.start() == b.start())
              && (a.length() < 2 || a.step() == b.step());
      case Value.None a -> right instanceof Value.None;
      case Value.Undefined a -> right instanceof Value.Undefined;
      default -> false;
    };
  }

  private static boolean equalItems(Budget budget, List<Value> a, List<Value> b, int depth) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      if (!equal(budget, a.get(i), b.get(i), depth + 1)) {
        return false;
      }
    }
    return true;
  }

  private static boolean equalDicts(Budget budget, Dict a, Dict b, int depth) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Dict.Entry entry : a.entries()) {
      Optional<Value> other = b.get(entry.key());
      if (other.isEmpty() || !equal(budget, entry.value(), other.get(), depth + 1)) {
        return false;
      }
    }
    return true;
  }

  /** Orders two values; an error where Python knows no order. */
  static int compare(Budget budget, Value left, Value right) {
    return compare(budget, left, right, 0);
  }

  private static int compare(Budget budget, Value left, Value right, int depth) {
    budget.valueDepth(depth);
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return Numbers.compare(left, right);
    }
    if (left instanceof Value.Text a && right instanceof Value.Text b) {
      budget.text(Math.min(a.value().length(), b.value().length()));
      return Chars.compare(a.value(), b.value());
    }
    if (left instanceof Value.ListValue a && right instanceof Value.ListValue b) {
      return compareItems(budget, a.items(), b.items(), depth);
    }
    if (left instanceof Value.Tuple a && right instanceof Value.Tuple b) {
      return compareItems(budget, a.items(), b.items(), depth);
    }
    Lookup.requireDefined(left);
    Lookup.requireDefined(right);
    throw new EvaluationError(
        "a " + Types.name(left) + " and a " + Types.name(right) + " have no order");
  }

  private static int compareItems(Budget budget, List<Value> a, List<Value> b, int depth) {
    for (int i = 0; i < Math.min(a.size(), b.size()); i++) {
      if (!equal(budget, a.get(i), b.get(i), depth + 1)) {
        return compare(budget, a.get(i), b.get(i), depth + 1);
      }
    }
    return Integer.compare(a.size(), b.size());
  }

  /** Whether {@code item in container}. */
  static boolean contains(Budget budget, Value container, Value item) {
    return switch (container) {
      case Value.Text text -> {
        if (!(item instanceof Value.Text part)) {
          Lookup.requireDefined(item);
          throw new EvaluationError("'in' a text needs a text, not a " + Types.name(item));
        }
        budget.find(text.value(), part.value());
        yield text.value().contains(part.value());
      }
      case Dict dict -> dict.get(item).isPresent();
      case Value.View view when view.kind() == Value.View.Kind.KEYS ->
          view.dict().get(item).isPresent();
      default -> {
        if (!Types.iterable(container)) {
          throw new EvaluationError("'in' cannot look into a " + Types.name(container));
        }
        yield indexOf(budget, Types.items(budget, container), item) >= 0;
      }
    };
  }

  /** The first index of an equal item, or -1. */
  static int indexOf(Budget budget, List<Value> items, Value item) {
    for (int i = 0; i < items.size(); i++) {
      if (items.get(i) == item || equal(budget, items.get(i), item)) {
        return i;
      }
    }
    return -1;
  }

  /** The value as sorting without regard to case takes it. */
  static Value ignoringCase(Value value) {
    return value instanceof Value.Text text
        ? Value.of(text.value().toLowerCase(Locale.ROOT))
        : value;
  }

  /** The items equal to no earlier one, by the keys given for each. */
  static List<Value> unique(Budget budget, List<Value> items, List<Value> keys) {
    List<Value> unique = new ArrayList<>();
    Dict seen = new Dict();
    for (int i = 0; i < items.size(); i++) {
      budget.step();
      if (seen.get(keys.get(i)).isEmpty()) {
        seen.put(keys.get(i), Value.TRUE);
        unique.add(items.get(i));
      }
    }
    return unique;
  }
}
