package io.moka.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/** JSON as Python's json.dumps writes it, without escapes for HTML. */
final class JsonText {
  /**
   * How it is laid out.
   *
   * @param ascii whether other characters than ASCII become escapes
   * @param indent what one level is indented by; nothing for all on one line
   * @param itemSeparator between items
   * @param keySeparator between a key and its value
   * @param sortKeys whether keys are sorted
   */
  record Layout(
      boolean ascii,
      Optional<String> indent,
      String itemSeparator,
      String keySeparator,
      boolean sortKeys) {}

  private final Budget budget;
  private final Layout layout;
  private final StringBuilder json = new StringBuilder();

  private JsonText(Budget budget, Layout layout) {
    this.budget = budget;
    this.layout = layout;
  }

  static String write(Budget budget, Value value, Layout layout) {
    JsonText writer = new JsonText(budget, layout);
    writer.value(value, 0);
    return writer.json.toString();
  }

  /** The filter tojson with its arguments. */
  static Value filter(Budget budget, Value value, Arguments arguments) {
    Arguments.Bound bound =
        arguments.bind("tojson", 0, "ensure_ascii", "indent", "separators", "sort_keys");
    Optional<String> indent = bound.unlessNone("indent").map(width -> indent(budget, width));
    String itemSeparator = indent.isPresent() ? "," : ", ";
    String keySeparator = ": ";
    if (bound.unlessNone("separators").isPresent()) {
      List<Value> pair = Types.items(budget, bound.get("separators"));
      if (pair.size() != 2
          || !(pair.get(0) instanceof Value.Text items)
          || !(pair.get(1) instanceof Value.Text keys)) {
        throw bound.wrong("separators", "two texts", bound.get("separators"));
      }
      itemSeparator = items.value();
      keySeparator = keys.value();
    }
    Layout layout =
        new Layout(
            bound.truth("ensure_ascii", false),
            indent,
            itemSeparator,
            keySeparator,
            bound.truth("sort_keys", false));
    return Value.of(write(budget, value, layout));
  }

  private static String indent(Budget budget, Value width) {
    if (width instanceof Value.Text text) {
      return text.value();
    }
    int spaces = Math.max(0, Numbers.clampedInt("tojson", width));
    budget.text(spaces);
    return " ".repeat(spaces);
  }

  private void value(Value value, int depth) {
    budget.valueDepth(depth);
    switch (value) {
      case Value.None none -> json.append("null");
      case Value.Bool bool -> json.append(bool.value());
      case Value.Int number -> json.append(Numbers.text(number.value()));
      case Value.Real real -> json.append(real(real.value()));
      case Value.Text text -> quoted(text.value());
      case Value.ListValue list -> items(list.items(), depth);
      case Value.Tuple tuple -> items(tuple.items(), depth);
      case Dict dict -> members(dict, depth);
      default -> throw new EvaluationError("a " + Types.name(value) + " has no form in JSON");
    }
    if (json.length() > Budget.MAX_TEXT) {
      budget.text(json.length());
    }
  }

  private static String real(double value) {
    if (Double.isNaN(value)) {
      return "NaN";
    }
    return Double.isInfinite(value) ? (value > 0 ? "Infinity" : "-Infinity") : Numbers.text(value);
  }

  private void items(List<Value> items, int depth) {
    json.append('[');
    for (int i = 0; i < items.size(); i++) {
      startItem(i == 0, depth + 1);
      value(items.get(i), depth + 1);
    }
    end(items.isEmpty(), depth, ']');
  }

  private void members(Dict dict, int depth) {
    List<Dict.Entry> entries = new ArrayList<>(dict.entries());
    if (layout.sortKeys()) {
      entries =
          Sorting.sorted(
              budget, entries, (a, b) -> Comparisons.compare(budget, a.key(), b.key()), false);
    }
    json.append('{');
    boolean first = true;
    for (Dict.Entry entry : entries) {
      startItem(first, depth + 1);
      first = false;
      quoted(key(entry.key()));
      json.append(layout.keySeparator());
      value(entry.value(), depth + 1);
    }
    end(entries.isEmpty(), depth, '}');
  }

  private static String key(Value key) {
    return switch (key) {
      case Value.Text text -> text.value();
      case Value.None none -> "null";
      case Value.Bool bool -> Boolean.toString(bool.value());
      case Value.Int number -> Numbers.text(number.value());
      case Value.Real real -> real(real.value());
      default -> throw new EvaluationError("a " + Types.name(key) + " cannot be a key in JSON");
    };
  }

  private void startItem(boolean first, int depth) {
    if (!first) {
      json.append(layout.itemSeparator());
    }
    newLine(depth);
  }

  private void end(boolean empty, int depth, char close) {
    if (!empty) {
      newLine(depth);
    }
    json.append(close);
  }

  private void newLine(int depth) {
    if (layout.indent().isPresent()) {
      String indent = layout.indent().get();
      budget.text((long) depth * indent.length());
      json.append('\n').repeat(indent, depth);
      if (json.length() > Budget.MAX_TEXT) {
        budget.text(json.length());
      }
    }
  }

  private void quoted(String text) {
    budget.text(text.length());
    json.append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> json.append("\\\"");
        case '\\' -> json.append("\\\\");
        case '\n' -> json.append("\\n");
        case '\r' -> json.append("\\r");
        case '\t' -> json.append("\\t");
        case '\f' -> json.append("\\f");
        case '\b' -> json.append("\\b");
        default -> {
          if (c < ' ' || layout.ascii() && c > '~') {
            json.append(String.format(Locale.ROOT, "\\u%04x", (int) c));
          } else {
            json.append(c);
          }
        }
      }
    }
    json.append('"');
  }
}
