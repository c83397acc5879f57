package io.moka.text.template;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/** Attributes, items and slices of values. */
final class Lookup {
  /** Methods that Python has and that would change their object, which templates may not. */
  private static final Set<String> CHANGING =
      Set.of(
          "append",
          "clear",
          "extend",
          "insert",
          "pop",
          "popitem",
          "remove",
          "reverse",
          "setdefault",
          "sort",
          "update");

  private Lookup() {}

  static void requireDefined(Value value) {
    if (value instanceof Value.Undefined undefined) {
      throw new EvaluationError(undefined.complaint());
    }
  }

  /** The value of what is not there. */
  static Value missing(Value object, String name) {
    String shown = name.length() > 60 ? name.substring(0, 60) + "..." : name;
    return new Value.Undefined("a " + Types.name(object) + " has no attribute '" + shown + "'");
  }

  /** {@code object.name}: a method or attribute, else an entry of a mapping. */
  static Value attribute(Environment environment, Value object, String name) {
    requireDefined(object);
    Optional<Value> own = ownAttribute(environment, object, name);
    if (own.isPresent()) {
      return own.get();
    }
    return object instanceof Dict dict
        ? dict.get(Value.of(name)).orElseGet(() -> unavailable(object, name))
        : unavailable(object, name);
  }

  private static Value unavailable(Value object, String name) {
    boolean list = object instanceof Value.ListValue;
    if (CHANGING.contains(name) && (list || object instanceof Dict)) {
      return new Value.Undefined(
          "the method '"
              + name
              + "' would change a "
              + Types.name(object)
              + ", which templates may not");
    }
    return missing(object, name);
  }

  /** An attribute in the narrow sense, without the entries of a mapping. */
  static Optional<Value> ownAttribute(Environment environment, Value object, String name) {
    return switch (object) {
      case Value.Text text -> TextMethods.find(environment, text, name);
      case Value.Namespace namespace -> Optional.ofNullable(namespace.attributes().get(name));
      case Value.Thing thing -> thing.attribute(name);
      case Value.Tuple tuple when tuple.names().contains(name) ->
          Optional.of(tuple.items().get(tuple.names().indexOf(name)));
      default -> ValueMethods.find(environment.budget(), object, name);
    };
  }

  /** {@code object[key]}: an entry or item, else a method or attribute. */
  static Value item(Environment environment, Value object, Value key) {
    requireDefined(object);
    // What cannot be a key is in no mapping.
    boolean keyable = !(key instanceof Value.ListValue || key instanceof Dict);
    Optional<Value> found =
        object instanceof Dict dict && keyable
            ? dict.get(key)
            : indexed(environment.budget(), object, key);
    if (found.isPresent()) {
      return found.get();
    }
    if (key instanceof Value.Text name) {
      return ownAttribute(environment, object, name.value())
          .orElseGet(() -> unavailable(object, name.value()));
    }
    return new Value.Undefined("a " + Types.name(object) + " has no such element");
  }

  private static Optional<Value> indexed(Budget budget, Value object, Value key) {
    Optional<BigInteger> index = Numbers.whole(key);
    if (index.isEmpty()) {
      return Optional.empty();
    }
    boolean sequence =
        switch (object) {
          case Value.Text text -> true;
          case Value.ListValue list -> true;
          case Value.Tuple tuple -> true;
          case Value.Range range -> true;
          default -> false;
        };
    if (!sequence) {
      return Optional.empty();
    }
    int length = Types.length(budget, object);
    int at = Numbers.clampedInt("a subscript", key);
    at += at < 0 ? length : 0;
    return at < 0 || at >= length ? Optional.empty() : Optional.of(at(budget, object, at));
  }

  private static Value at(Budget budget, Value sequence, int index) {
    return switch (sequence) {
      case Value.ListValue list -> list.items().get(index);
      case Value.Tuple tuple -> tuple.items().get(index);
      case Value.Range range -> range.get(index);
      case Value.Text text -> {
        budget.steps(text.value().length() / 64);
        int at = text.value().offsetByCodePoints(0, index);
        yield new Value.Text(Character.toString(text.value().codePointAt(at)), text.safe());
      }
      default -> throw new IllegalStateException("not a sequence: " + Types.name(sequence));
    };
  }

  /** {@code object[start:stop:step]}; each bound may be none. */
  static Value slice(Budget budget, Value object, Value start, Value stop, Value step) {
    requireDefined(object);
    int stride = step instanceof Value.None ? 1 : Numbers.clampedInt("a slice", step);
    if (stride == 0) {
      throw new EvaluationError("a slice cannot have the step 0");
    }
    stride = Math.max(stride, -Integer.MAX_VALUE);
    Selection selection =
        switch (object) {
          case Value.Text text -> Selection.of(Types.length(budget, text), start, stop, stride);
          case Value.ListValue list -> Selection.of(list.items().size(), start, stop, stride);
          case Value.Tuple tuple -> Selection.of(tuple.items().size(), start, stop, stride);
          case Value.Range range -> Selection.of(range.length(), start, stop, stride);
          default -> throw new EvaluationError("a " + Types.name(object) + " cannot be sliced");
        };
    return switch (object) {
      case Value.ListValue list -> new Value.ListValue(selection.pick(budget, list.items()));
      case Value.Tuple tuple -> new Value.Tuple(selection.pick(budget, tuple.items()));
      case Value.Range range ->
          new Value.Range(
              range.start() + range.step() * selection.first(),
              range.start()
                  + range.step() * (selection.first() + (long) stride * selection.count()),
              range.step() * stride,
              selection.count());
      case Value.Text text -> new Value.Text(selection.pick(budget, text.value()), text.safe());
      default -> throw new IllegalStateException("not a sequence: " + Types.name(object));
    };
  }

  /** Which indices a slice takes. */
  private record Selection(int first, int stride, int count) {
    static Selection of(int length, Value start, Value stop, int stride) {
      int low = stride < 0 ? -1 : 0;
      int high = stride < 0 ? length - 1 : length;
      int first = bound(start, length, low, high, stride < 0 ? high : low);
      int end = bound(stop, length, low, high, stride < 0 ? low : high);
      long span = stride < 0 ? (long) first - end : (long) end - first;
      long count = span <= 0 ? 0 : (span - 1) / Math.abs((long) stride) + 1;
      return new Selection(first, stride, (int) count);
    }

    private static int bound(Value value, int length, int low, int high, int otherwise) {
      if (value instanceof Value.None) {
        return otherwise;
      }
      long index = Numbers.clampedInt("a slice", value);
      index += index < 0 ? length : 0;
      return (int) Math.max(low, Math.min(high, index));
    }

    List<Value> pick(Budget budget, List<Value> items) {
      budget.steps(count);
      List<Value> picked = new ArrayList<>(count);
      for (int i = 0; i < count; i++) {
        picked.add(items.get(first + i * stride));
      }
      return picked;
    }

    String pick(Budget budget, String text) {
      budget.text(text.length());
      if (stride == 1) {
        int from = text.offsetByCodePoints(0, count == 0 ? 0 : first);
        return text.substring(from, text.offsetByCodePoints(from, count));
      }
      int[] points = Texts.points(budget, text);
      StringBuilder picked = new StringBuilder(count);
      for (int i = 0; i < count; i++) {
        picked.appendCodePoint(points[first + i * stride]);
      }
      return picked.toString();
    }
  }
}
