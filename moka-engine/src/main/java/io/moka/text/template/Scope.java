package io.moka.text.template;

import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Variables, and behind them those of the scope around. Setting one never changes the scope around.
 */
final class Scope {
  private final Map<String, Value> variables = new HashMap<>();
  private final Optional<Scope> parent;

  Scope(Optional<Scope> parent) {
    this.parent = parent;
  }

  Scope inner() {
    return new Scope(Optional.of(this));
  }

  void set(String name, Value value) {
    variables.put(name, value);
  }

  /** The variable, or an Undefined. */
  Value get(String name) {
    Optional<Scope> scope = Optional.of(this);
    while (scope.isPresent()) {
      Value value = scope.get().variables.get(name);
      if (value != null) {
        return value;
      }
      scope = scope.get().parent;
    }
    return new Value.Undefined("'" + name + "' is undefined");
  }
}
