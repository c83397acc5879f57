package io.moka.text.template;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The arguments of one call, by position and by name. */
record Arguments(List<Value> positional, Map<String, Value> named) {
  static final Arguments NONE = new Arguments(List.of(), Map.of());

  static Arguments of(Value... values) {
    return new Arguments(List.of(values), Map.of());
  }

  /** The arguments without the first {@code count} positional ones. */
  Arguments from(int count) {
    List<Value> rest = positional.subList(Math.min(count, positional.size()), positional.size());
    return new Arguments(rest, named);
  }

  /**
   * Gives each argument its parameter.
   *
   * @param callee whose arguments these are, for messages
   * @param required how many parameters must be given
   * @param parameters the parameters' names in order
   */
  Bound bind(String callee, int required, String... parameters) {
    if (positional.size() > parameters.length) {
      throw new EvaluationError(
          callee + " takes " + parameters.length + " arguments, not " + positional.size());
    }
    Map<String, Value> bound = new LinkedHashMap<>();
    for (int i = 0; i < positional.size(); i++) {
      bound.put(parameters[i], positional.get(i));
    }
    List<String> known = Arrays.asList(parameters);
    named.forEach((name, value) -> {
      if (!known.contains(name)) {
        throw new EvaluationError(callee + " has no parameter '" + name + "'");
      }
      if (bound.put(name, value) != null) {
        throw new EvaluationError(callee + " is given '" + name + "' twice");
      }
    });
    for (int i = 0; i < required; i++) {
      if (!bound.containsKey(parameters[i])) {
        throw new EvaluationError(callee + " needs an argument '" + parameters[i] + "'");
      }
    }
    return new Bound(callee, bound);
  }

  /** Arguments by the names of their parameters. */
  record Bound(String callee, Map<String, Value> values) {

    /** The argument, if it is given. */
    Optional<Value> find(String name) {
      return Optional.ofNullable(values.get(name));
    }

    /** The argument, if it is given and not none. */
    Optional<Value> unlessNone(String name) {
      return find(name).filter(value -> !(value instanceof Value.None));
    }

    Value get(String name) {
      return values.get(name);
    }

    boolean truth(String name, boolean otherwise) {
      return find(name).map(Types::truth).orElse(otherwise);
    }

    /** A text argument; anything else is an error. */
    Optional<String> text(String name) {
      return unlessNone(name)
          .map(value -> {
            if (value instanceof Value.Text text) {
              return text.value();
            }
            throw wrong(name, "text", value);
          });
    }

    /** A whole number; huge ones are cut to the range of int. */
    int integer(String name, int otherwise) {
      return unlessNone(name).map(value -> Numbers.clampedInt(callee, value)).orElse(otherwise);
    }

    EvaluationError wrong(String name, String expected, Value found) {
      return new EvaluationError(
          callee + " needs " + expected + " as '" + name + "', not a " + Types.name(found));
    }
  }

  /** Collects arguments as a call lists them. */
  static final class Builder {
    private final List<Value> positional = new ArrayList<>();
    private final Map<String, Value> named = new LinkedHashMap<>();

    void add(Value value) {
      positional.add(value);
    }

    void add(String name, Value value) {
      if (named.put(name, value) != null) {
        throw new EvaluationError("the argument '" + name + "' is given twice");
      }
    }

    Arguments build() {
      return new Arguments(positional, named);
    }
  }
}
