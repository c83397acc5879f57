package io.moka.text.template;

import java.util.List;
import java.util.Locale;

/** What Python's str() and repr() make of values. */
final class PythonText {
  private final Budget budget;
  private final StringBuilder text = new StringBuilder();

  private PythonText(Budget budget) {
    this.budget = budget;
  }

  /** The text that printing the value gives. */
  static String str(Budget budget, Value value) {
    return switch (value) {
      case Value.Text plain -> plain.value();
      case Value.Undefined undefined -> "";
      default -> repr(budget, value);
    };
  }

  /** The text that stands for the value within a printed list. */
  static String repr(Budget budget, Value value) {
    PythonText writer = new PythonText(budget);
    writer.write(value, 0);
    return writer.text.toString();
  }

  private void write(Value value, int depth) {
    budget.valueDepth(depth);
    switch (value) {
      case Value.Undefined undefined -> text.append("Undefined");
      case Value.None none -> text.append("None");
      case Value.Bool bool -> text.append(bool.value() ? "True" : "False");
      case Value.Int number -> text.append(Numbers.text(number.value()));
      case Value.Real real -> text.append(Numbers.text(real.value()));
      case Value.Text plain -> quoted(plain);
      case Value.ListValue list -> sequence("[", list.items(), "]", depth);
      case Value.Tuple tuple -> {
        String close = tuple.items().size() == 1 ? ",)" : ")";
        sequence("(", tuple.items(), close, depth);
      }
      case Dict dict -> mapping(dict, depth);
      case Value.View view -> sequence(Types.name(view) + "([", view.items(), "])", depth);
      case Value.Range range -> {
        text.append("range(").append(range.start()).append(", ").append(range.stop());
        text.append(range.step() == 1 ? "" : ", " + range.step()).append(')');
      }
      case Value.Generator generator -> text.append("<generator>");
      case Value.Namespace namespace -> text.append("<Namespace>");
      case Value.Function function -> text.append("<function ").append(function.name()).append('>');
      case Value.Thing thing -> text.append('<').append(thing.typeName()).append('>');
    }
    checkLength();
  }

  private void checkLength() {
    if (text.length() > Budget.MAX_TEXT) {
      budget.text(text.length());
    }
  }

  private void sequence(String open, List<Value> items, String close, int depth) {
    text.append(open);
    String separator = "";
    for (Value item : items) {
      text.append(separator);
      write(item, depth + 1);
      separator = ", ";
    }
    text.append(close);
  }

  private void mapping(Dict dict, int depth) {
    text.append('{');
    String separator = "";
    for (Dict.Entry entry : dict.entries()) {
      text.append(separator);
      write(entry.key(), depth + 1);
      text.append(": ");
      write(entry.value(), depth + 1);
      separator = ", ";
    }
    text.append('}');
  }

  private void quoted(Value.Text plain) {
    String value = plain.value();
    budget.text(value.length());
    char quote = value.indexOf('\'') >= 0 && value.indexOf('"') < 0 ? '"' : '\'';
    text.append(plain.safe() ? "Markup(" : "").append(quote);
    value.codePoints().forEach(point -> character(point, quote));
    text.append(quote).append(plain.safe() ? ")" : "");
  }

  private void character(int point, char quote) {
    switch (point) {
      case '\n' -> text.append("\\n");
      case '\r' -> text.append("\\r");
      case '\t' -> text.append("\\t");
      default -> {
        if (point == quote || point == '\\') {
          text.append('\\').append((char) point);
        } else if (Chars.isPrintable(point)) {
          text.appendCodePoint(point);
        } else {
          String form = point < 0x100 ? "\\x%02x" : point < 0x10000 ? "\\u%04x" : "\\U%08x";
          text.append(String.format(Locale.ROOT, form, point));
        }
      }
    }
  }
}
