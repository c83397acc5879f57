package io.moka.text.template;

import java.math.BigInteger;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The methods and attributes of lists, tuples, mappings, ranges and numbers that change nothing.
 */
final class ValueMethods {
  private interface Method {
    Value call(Budget budget, Value self, Arguments arguments);
  }

  private static final Map<String, Method> SEQUENCE_METHODS =
      Map.of("index", ValueMethods::index, "count", ValueMethods::count);

  private static final Map<String, Method> DICT_METHODS =
      Map.of(
          "get", ValueMethods::get,
          "items", (budget, self, arguments) -> view(self, arguments, Value.View.Kind.ITEMS),
          "keys", (budget, self, arguments) -> view(self, arguments, Value.View.Kind.KEYS),
          "values", (budget, self, arguments) -> view(self, arguments, Value.View.Kind.VALUES),
          "copy", ValueMethods::copy);

  private ValueMethods() {}

  static Optional<Value> find(Budget budget, Value self, String name) {
    return switch (self) {
      case Dict dict -> bound(budget, dict, name, DICT_METHODS);
      case Value.ListValue list when name.equals("copy") ->
          Optional.of(new Value.Function(name, arguments -> copy(budget, list, arguments)));
      case Value.ListValue list -> bound(budget, list, name, SEQUENCE_METHODS);
      case Value.Tuple tuple -> bound(budget, tuple, name, SEQUENCE_METHODS);
      case Value.Range range ->
          switch (name) {
            case "start" -> Optional.of(Value.of(range.start()));
            case "stop" -> Optional.of(Value.of(range.stop()));
            case "step" -> Optional.of(Value.of(range.step()));
            default -> bound(budget, range, name, SEQUENCE_METHODS);
          };
      case Value.Int number -> ofWhole(number.value(), name);
      case Value.Real real -> ofReal(real.value(), name);
      default -> Optional.empty();
    };
  }

  private static Optional<Value> bound(
      Budget budget, Value self, String name, Map<String, Method> methods) {
    return Optional.ofNullable(methods.get(name))
        .map(method -> new Value.Function(name, arguments -> method.call(budget, self, arguments)));
  }

  private static Optional<Value> ofWhole(BigInteger number, String name) {
    return switch (name) {
      case "real", "numerator" -> Optional.of(new Value.Int(number));
      case "imag" -> Optional.of(Value.of(0));
      case "denominator" -> Optional.of(Value.of(1));
      case "bit_length" ->
          Optional.of(new Value.Function(name, arguments -> Value.of(number.abs().bitLength())));
      case "bit_count" ->
          Optional.of(new Value.Function(name, arguments -> Value.of(number.abs().bitCount())));
      default -> Optional.empty();
    };
  }

  private static Optional<Value> ofReal(double real, String name) {
    return switch (name) {
      case "real" -> Optional.of(new Value.Real(real));
      case "imag" -> Optional.of(new Value.Real(0));
      case "is_integer" -> {
        boolean whole = Double.isFinite(real) && real == Math.rint(real);
        yield Optional.of(new Value.Function(name, arguments -> Value.of(whole)));
      }
      default -> Optional.empty();
    };
  }

  private static Value index(Budget budget, Value self, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("index", 1, "value", "start", "stop");
    List<Value> items = Types.items(budget, self);
    int from = position(bound.integer("start", 0), items.size());
    int to = position(bound.integer("stop", Integer.MAX_VALUE), items.size());
    int found =
        from >= to ? -1 : Comparisons.indexOf(budget, items.subList(from, to), bound.get("value"));
    if (found < 0) {
      throw new EvaluationError("index() does not find the value");
    }
    return Value.of(from + found);
  }

  private static int position(int index, int length) {
    return Math.max(0, Math.min(length, index < 0 ? index + length : index));
  }

  private static Value count(Budget budget, Value self, Arguments arguments) {
    Value wanted = arguments.bind("count", 1, "value").get("value");
    int count = 0;
    for (Value item : Types.items(budget, self)) {
      count += Comparisons.equal(budget, item, wanted) ? 1 : 0;
    }
    return Value.of(count);
  }

  private static Value get(Budget budget, Value self, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("get", 1, "key", "default");
    return ((Dict) self)
        .get(bound.get("key"))
        .orElseGet(() -> bound.find("default").orElse(Value.NONE));
  }

  private static Value view(Value self, Arguments arguments, Value.View.Kind kind) {
    arguments.bind(kind.name(), 0);
    return new Value.View((Dict) self, kind);
  }

  /** Nothing can change, so the thing itself serves as its copy. */
  private static Value copy(Budget budget, Value self, Arguments arguments) {
    arguments.bind("copy", 0);
    return self;
  }
}
