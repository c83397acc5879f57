package io.moka.text.template;

import java.math.BigInteger;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/** What a template computes with: Python's types as far as templates can see them. */
sealed interface Value
    permits Value.Undefined,
        Value.None,
        Value.Bool,
        Value.Int,
        Value.Real,
        Value.Text,
        Value.ListValue,
        Value.Tuple,
        Dict,
        Value.Range,
        Value.View,
        Value.Generator,
        Value.Namespace,
        Value.Function,
        Value.Thing {

  Value NONE = new None();
  Value TRUE = new Bool(true);
  Value FALSE = new Bool(false);

  static Value of(boolean value) {
    return value ? TRUE : FALSE;
  }

  static Value of(long value) {
    return new Int(BigInteger.valueOf(value));
  }

  static Value of(String value) {
    return new Text(value, false);
  }

  /** Something that is not there; {@code complaint} says so when it is used as if it were. */
  record Undefined(String complaint) implements Value {}

  /** Python's None. */
  record None() implements Value {}

  /** True or False, which count as 1 and 0. */
  record Bool(boolean value) implements Value {}

  /** A whole number of any size, up to {@link Budget#MAX_INTEGER_BITS}. */
  record Int(BigInteger value) implements Value {}

  /** A floating-point number; distinct from Int even when whole. */
  record Real(double value) implements Value {}

  /** Text; {@code safe} text (of the filter safe) escapes for HTML what is joined to it by +. */
  record Text(String value, boolean safe) implements Value {}

  /** A list; templates cannot change one. */
  record ListValue(List<Value> items) implements Value {}

  /** A tuple; {@code names} are its fields' names, empty for a plain tuple. */
  record Tuple(List<Value> items, List<String> names) implements Value {
    Tuple(List<Value> items) {
      this(items, List.of());
    }
  }

  /** {@code length} numbers from {@code start}, {@code step} apart; {@code stop} is for show. */
  record Range(long start, long stop, long step, int length) implements Value {
    Value get(int index) {
      return of(start + step * index);
    }
  }

  /** What a mapping's keys(), values() and items() return. */
  record View(Dict dict, Kind kind) implements Value {
    enum Kind {
      KEYS,
      VALUES,
      ITEMS
    }

    List<Value> items() {
      List<Value> items = new ArrayList<>(dict.size());
      for (Dict.Entry entry : dict.entries()) {
        items.add(
            switch (kind) {
              case KEYS -> entry.key();
              case VALUES -> entry.value();
              case ITEMS -> new Tuple(List.of(entry.key(), entry.value()));
            });
      }
      return items;
    }
  }

  /**
   * What can be walked through once. Its items are computed at once, unlike Python's: chains of
   * lazy ones would nest without bound.
   */
  record Generator(ArrayDeque<Value> remaining) implements Value {
    Generator(List<Value> items) {
      this(new ArrayDeque<>(items));
    }

    List<Value> drain() {
      List<Value> items = new ArrayList<>(remaining);
      remaining.clear();
      return items;
    }
  }

  /** What namespace() makes: the only value whose attributes a template may set. */
  record Namespace(Map<String, Value> attributes) implements Value {}

  /** A function, macro, bound method, or other thing to call. */
  record Function(String name, Body body) implements Value {
    interface Body {
      Value call(Arguments arguments);
    }
  }

  /** An object with attributes, which may be called as well: a loop, a macro, a joiner. */
  non-sealed interface Thing extends Value {
    String typeName();

    /** The attribute, if the object has it. */
    Optional<Value> attribute(String name);

    /** Whether it can be called. */
    default boolean callable() {
      return false;
    }

    /** Calls the object. */
    default Value call(Arguments arguments) {
      throw new EvaluationError("a " + typeName() + " cannot be called");
    }

    /** The number of items, if the object has items. */
    default OptionalInt length() {
      return OptionalInt.empty();
    }
  }
}
