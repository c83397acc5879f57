package io.moka.text.template;

import java.math.BigInteger;
import java.util.Optional;

/** The method format() of Python's str: {@code '{} of {name!r:>5}'.format(a, name=b)}. */
final class TextFormat {
  private final Environment environment;
  private final Arguments arguments;
  private final StringBuilder result = new StringBuilder();
  private int nextPositional;

  private TextFormat(Environment environment, Arguments arguments) {
    this.environment = environment;
    this.arguments = arguments;
  }

  static Value format(Environment environment, String text, Arguments arguments) {
    TextFormat formatter = new TextFormat(environment, arguments);
    formatter.run(text);
    return Value.of(formatter.result.toString());
  }

  private void run(String text) {
    int at = 0;
    while (at < text.length()) {
      char c = text.charAt(at);
      boolean doubled = at + 1 < text.length() && text.charAt(at + 1) == c;
      if (c != '{' && c != '}') {
        result.append(c);
        at++;
      } else if (doubled) {
        result.append(c);
        at += 2;
      } else if (c == '}') {
        throw new EvaluationError("format() meets a '}' that closes nothing");
      } else {
        int end = closing(text, at);
        result.append(field(text.substring(at + 1, end)));
        if (result.length() > Budget.MAX_TEXT) {
          environment.budget().text(result.length());
        }
        at = end + 1;
      }
    }
  }

  private static int closing(String text, int open) {
    int depth = 0;
    for (int at = open; at < text.length(); at++) {
      depth += text.charAt(at) == '{' ? 1 : text.charAt(at) == '}' ? -1 : 0;
      if (depth == 0) {
        return at;
      }
    }
    throw new EvaluationError("format() meets a '{' that is not closed");
  }

  private String field(String field) {
    environment.budget().step();
    int colon = field.indexOf(':');
    String reference = colon < 0 ? field : field.substring(0, colon);
    String spec = colon < 0 ? "" : field.substring(colon + 1);
    char conversion = 0;
    int mark = reference.indexOf('!');
    if (mark >= 0) {
      if (mark != reference.length() - 2) {
        throw new EvaluationError("format() expects one letter after '!'");
      }
      conversion = reference.charAt(mark + 1);
      reference = reference.substring(0, mark);
    }
    Value value = value(reference);
    Budget budget = environment.budget();
    value =
        switch (conversion) {
          case 0 -> value;
          case 's' -> Value.of(PythonText.str(budget, value));
          case 'r', 'a' -> Value.of(PythonText.repr(budget, value));
          default -> throw new EvaluationError("format() knows no conversion '" + conversion + "'");
        };
    boolean formattable = value instanceof Value.Text || Numbers.isNumber(value);
    if (!spec.isEmpty() && !formattable) {
      throw new EvaluationError("format() cannot lay out a " + Types.name(value));
    }
    return FormatSpec.parse(filled(spec)).apply(budget, value);
  }

  /** A width or precision may itself be a field: {@code {:{width}}}. */
  private String filled(String spec) {
    String filled = spec;
    for (int open = filled.indexOf('{'); open >= 0; open = filled.indexOf('{')) {
      environment.budget().text(filled.length());
      int end = filled.indexOf('}', open);
      if (end < 0) {
        throw new EvaluationError("format() meets a '{' that is not closed");
      }
      String inner = filled.substring(open + 1, end);
      String text = PythonText.str(environment.budget(), value(inner));
      if (text.length() > 20 || text.indexOf('{') >= 0) {
        throw new EvaluationError("format() needs a number as width or precision");
      }
      filled = filled.substring(0, open) + text + filled.substring(end + 1);
    }
    return filled;
  }

  private Value value(String reference) {
    int end = 0;
    while (end < reference.length() && ".[".indexOf(reference.charAt(end)) < 0) {
      end++;
    }
    Value value = argument(reference.substring(0, end));
    while (end < reference.length()) {
      boolean bracket = reference.charAt(end) == '[';
      int start = end + 1;
      end = start;
      while (end < reference.length()
          && (bracket ? reference.charAt(end) != ']' : ".[".indexOf(reference.charAt(end)) < 0)) {
        end++;
      }
      String name = reference.substring(start, end);
      Optional<BigInteger> index = bracket ? digits(name) : Optional.empty();
      value =
          bracket
              ? Lookup.item(
                  environment, value, index.<Value>map(Value.Int::new).orElse(Value.of(name)))
              : Lookup.attribute(environment, value, name);
      end += bracket ? 1 : 0;
    }
    return value;
  }

  private Value argument(String name) {
    Optional<BigInteger> number = digits(name);
    if (name.isEmpty() || number.isPresent()) {
      int index =
          name.isEmpty() ? nextPositional++ : Numbers.clampedInt("{}", new Value.Int(number.get()));
      if (index < 0 || index >= arguments.positional().size()) {
        throw new EvaluationError("format() is given too few values");
      }
      return arguments.positional().get(index);
    }
    return Optional.ofNullable(arguments.named().get(name))
        .orElseThrow(() -> new EvaluationError("format() is not given '" + name + "'"));
  }

  /** A number without a sign; anything else is a name. */
  private static Optional<BigInteger> digits(String name) {
    return FormatSpec.digits(name, 0) == name.length()
        ? Numbers.parseWhole(name, 10)
        : Optional.empty();
  }
}
