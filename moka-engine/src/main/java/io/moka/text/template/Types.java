package io.moka.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalInt;

/** What values are: their Python type, whether they count as true, how many items they have. */
final class Types {
  private Types() {}

  /** The type's name in Python. */
  static String name(Value value) {
    return switch (value) {
      case Value.Undefined undefined -> "Undefined";
      case Value.None none -> "NoneType";
      case Value.Bool bool -> "bool";
      case Value.Int number -> "int";
      case Value.Real real -> "float";
      case Value.Text text -> "str";
      case Value.ListValue list -> "list";
      case Value.Tuple tuple -> "tuple";
      case Dict dict -> "dict";
      case Value.Range range -> "range";
      case Value.View view -> "dict_" + view.kind().name().toLowerCase(Locale.ROOT);
      case Value.Generator generator -> "generator";
      case Value.Namespace namespace -> "Namespace";
      case Value.Function function -> "function";
      case Value.Thing thing -> thing.typeName();
    };
  }

  /** Whether the value counts as true. */
  static boolean truth(Value value) {
    return switch (value) {
      case Value.Undefined undefined -> false;
      case Value.None none -> false;
      case Value.Bool bool -> bool.value();
      case Value.Int number -> number.value().signum() != 0;
      case Value.Real real -> real.value() != 0;
      case Value.Text text -> !text.value().isEmpty();
      default -> {
        OptionalInt length = size(value);
        yield length.isEmpty() || length.getAsInt() != 0;
      }
    };
  }

  private static OptionalInt size(Value value) {
    return switch (value) {
      case Value.ListValue list -> OptionalInt.of(list.items().size());
      case Value.Tuple tuple -> OptionalInt.of(tuple.items().size());
      case Dict dict -> OptionalInt.of(dict.size());
      case Value.Range range -> OptionalInt.of(range.length());
      case Value.View view -> OptionalInt.of(view.dict().size());
      case Value.Undefined undefined -> OptionalInt.of(0);
      case Value.Thing thing -> thing.length();
      default -> OptionalInt.empty();
    };
  }

  /** The number of items or characters; an error for what has none. */
  static int length(Budget budget, Value value) {
    if (value instanceof Value.Text text) {
      budget.text(text.value().length());
      return text.value().codePointCount(0, text.value().length());
    }
    return size(value)
        .orElseThrow(() -> new EvaluationError("a " + name(value) + " has no length"));
  }

  /** Whether a for loop can walk through the value. */
  static boolean iterable(Value value) {
    return switch (value) {
      case Value.Text text -> true;
      case Value.ListValue list -> true;
      case Value.Tuple tuple -> true;
      case Dict dict -> true;
      case Value.Range range -> true;
      case Value.View view -> true;
      case Value.Generator generator -> true;
      case Value.Undefined undefined -> true;
      default -> false;
    };
  }

  /** The items that a for loop meets: characters of text, keys of a mapping. */
  static List<Value> items(Budget budget, Value value) {
    List<Value> items =
        switch (value) {
          case Value.ListValue list -> list.items();
          case Value.Tuple tuple -> tuple.items();
          case Value.Text text -> {
            budget.steps(text.value().length());
            List<Value> characters = new ArrayList<>(text.value().length());
            text.value()
                .codePoints()
                .forEach(point -> characters.add(Value.of(Character.toString(point))));
            yield characters;
          }
          case Dict dict -> new Value.View(dict, Value.View.Kind.KEYS).items();
          case Value.View view -> view.items();
          case Value.Range range -> {
            List<Value> numbers = new ArrayList<>(range.length());
            for (int i = 0; i < range.length(); i++) {
              numbers.add(range.get(i));
            }
            yield numbers;
          }
          case Value.Generator generator -> generator.drain();
          case Value.Undefined undefined -> List.of();
          default -> throw new EvaluationError("a " + name(value) + " cannot be walked through");
        };
    budget.steps(items.size());
    return items;
  }
}
