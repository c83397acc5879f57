package io.moka.text.template;

import java.math.BigDecimal;
import java.util.List;

/** The operator % of Python's str: {@code '%s has %d' % (name, count)}. */
final class PercentFormat {
  private final Budget budget;
  private final String format;
  private final Value operand;
  private final List<Value> items;
  private final StringBuilder result = new StringBuilder();
  private int position;
  private int nextItem;

  private PercentFormat(Budget budget, String format, Value operand) {
    this.budget = budget;
    this.format = format;
    this.operand = operand;
    this.items = operand instanceof Value.Tuple tuple ? tuple.items() : List.of(operand);
  }

  static Value apply(Budget budget, Value.Text format, Value operand) {
    budget.text(format.value().length());
    PercentFormat formatter = new PercentFormat(budget, format.value(), operand);
    return new Value.Text(formatter.run(), format.safe());
  }

  private String run() {
    while (position < format.length()) {
      int percent = format.indexOf('%', position);
      if (percent < 0) {
        percent = format.length();
      }
      result.append(format, position, percent);
      position = percent + 1;
      if (percent < format.length()) {
        conversion();
      }
      if (result.length() > Budget.MAX_TEXT) {
        budget.text(result.length());
      }
    }
    // Python counts the values of tuples and single values, not what has items of other kinds.
    boolean counted =
        switch (operand) {
          case Dict dict -> false;
          case Value.ListValue list -> false;
          case Value.Range range -> false;
          case Value.Undefined undefined -> false;
          default -> true;
        };
    if (counted && nextItem < items.size()) {
      throw new EvaluationError("'%' is given more values than its text takes");
    }
    return result.toString();
  }

  private char at() {
    if (position >= format.length()) {
      throw new EvaluationError("a format after '%' is incomplete");
    }
    return format.charAt(position);
  }

  private void conversion() {
    Value value = null;
    boolean hasValue = false;
    if (at() == '(') {
      int end = format.indexOf(')', position);
      if (end < 0 || !(operand instanceof Dict dict)) {
        throw new EvaluationError("a named format after '%' needs a mapping");
      }
      String name = format.substring(position + 1, end);
      value = dict.get(Value.of(name)).orElseThrow(() -> new EvaluationError("'%' finds no key"));
      hasValue = true;
      position = end + 1;
    }
    int flagsStart = position;
    while ("-+ 0#".indexOf(at()) >= 0) {
      position++;
    }
    String flags = format.substring(flagsStart, position);
    int width = number(0);
    boolean left = flags.contains("-") || width < 0;
    int precision = -1;
    if (at() == '.') {
      position++;
      precision = Math.max(0, number(0));
    }
    while ("hlL".indexOf(at()) >= 0) {
      position++;
    }
    char type = at();
    position++;
    if (type == '%') {
      result.append('%');
      return;
    }
    if (!hasValue) {
      value = nextValue();
    }
    boolean zeros = flags.contains("0") && !left && "sracC".indexOf(type) < 0;
    char sign = flags.contains("+") ? '+' : flags.contains(" ") ? ' ' : '-';
    char align = left ? '<' : zeros ? '=' : '>';
    FormatSpec spec =
        new FormatSpec(
            zeros ? "0" : " ",
            align,
            sign,
            flags.contains("#"),
            Math.abs(width),
            (char) 0,
            precision,
            "diu".indexOf(type) >= 0 ? 'd' : "sra".indexOf(type) >= 0 ? 's' : type);
    result.append(formatted(spec, type, value));
  }

  private String formatted(FormatSpec spec, char type, Value value) {
    return switch (type) {
      case 's' -> spec.apply(budget, Value.of(PythonText.str(budget, value)));
      case 'r', 'a' -> spec.apply(budget, Value.of(PythonText.repr(budget, value)));
      case 'd', 'i', 'u' -> {
        if (value instanceof Value.Real real && Double.isFinite(real.value())) {
          yield spec.apply(budget, new Value.Int(new BigDecimal(real.value()).toBigInteger()));
        }
        yield requireNumber(spec, value);
      }
      case 'c' -> {
        if (value instanceof Value.Text text && Types.length(budget, text) == 1) {
          yield new FormatSpec(" ", spec.align(), '-', false, spec.width(), (char) 0, -1, 's')
              .apply(budget, text);
        }
        yield requireNumber(spec, value);
      }
      case 'x', 'X', 'o', 'e', 'E', 'f', 'F', 'g', 'G' -> requireNumber(spec, value);
      default -> throw new EvaluationError("there is no format '%" + type + "'");
    };
  }

  private String requireNumber(FormatSpec spec, Value value) {
    Lookup.requireDefined(value);
    if (!Numbers.isNumber(value)) {
      throw new EvaluationError(
          "'%" + spec.type() + "' needs a number, not a " + Types.name(value));
    }
    return spec.apply(budget, value);
  }

  private int number(int otherwise) {
    if (at() == '*') {
      position++;
      return Math.max(-Integer.MAX_VALUE, Numbers.clampedInt("'%*'", nextValue()));
    }
    int end = FormatSpec.digits(format, position);
    int number = FormatSpec.number(format, position, end, otherwise);
    position = end;
    return number;
  }

  private Value nextValue() {
    if (nextItem >= items.size()) {
      throw new EvaluationError("'%' is given fewer values than its text takes");
    }
    return items.get(nextItem++);
  }
}
