package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;

/** Filters that give text. */
final class TextFilters {
  private static final Pattern WORD =
      Pattern.compile("[\\w&&[^\\s]]+", Pattern.UNICODE_CHARACTER_CLASS);

  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("string", TextFilters::string),
          entry("upper", change(TextCase::upper)),
          entry("lower", change(text -> text.toLowerCase(Locale.ROOT))),
          entry("capitalize", change(TextCase::capitalize)),
          entry("title", change(TextFilters::title)),
          entry("trim", TextFilters::trim),
          entry("replace", TextFilters::replace),
          entry("center", TextFilters::center),
          entry("indent", TextFilters::indent),
          entry("truncate", TextFilters::truncate),
          entry("wordwrap", TextWrapping::filter),
          entry("wordcount", TextFilters::wordCount),
          entry("format", TextFilters::format),
          entry("join", TextFilters::join),
          entry("pprint", (env, in, args) -> Value.of(PythonText.repr(env.budget(), in))),
          entry("tojson", (env, in, args) -> JsonText.filter(env.budget(), in, args)));

  private TextFilters() {}

  /** The value as text, which stays safe if it was. */
  static Value.Text text(Environment env, Value value) {
    return value instanceof Value.Text text
        ? text
        : new Value.Text(PythonText.str(env.budget(), value), false);
  }

  /** The text that the value must be. */
  static Value.Text requireText(String filter, Value value) {
    Lookup.requireDefined(value);
    if (value instanceof Value.Text text) {
      return text;
    }
    throw new EvaluationError(filter + " needs text, not a " + Types.name(value));
  }

  private static Value string(Environment env, Value in, Arguments args) {
    args.bind("string", 0);
    return text(env, in);
  }

  private static Filter change(UnaryOperator<String> change) {
    return (env, in, args) -> {
      Value.Text text = text(env, in);
      args.bind("the filter", 0);
      env.budget().text(text.value().length());
      return new Value.Text(change.apply(text.value()), text.safe());
    };
  }

  /** Words begin after space, hyphens and opening brackets; unlike the method title(). */
  private static String title(String text) {
    StringBuilder result = new StringBuilder(text.length());
    boolean start = true;
    int wordStart = 0;
    for (int at = 0; at <= text.length(); at++) {
      boolean border = at == text.length() || isWordBorder(text.charAt(at));
      if (border && !start) {
        int second = text.offsetByCodePoints(wordStart, 1);
        result.append(TextCase.upper(text.substring(wordStart, second)));
        result.append(text.substring(second, at).toLowerCase(Locale.ROOT));
      }
      if (!border && start) {
        wordStart = at;
      }
      if (border && at < text.length()) {
        result.append(text.charAt(at));
      }
      start = border;
    }
    return result.toString();
  }

  private static boolean isWordBorder(char c) {
    return "-({[<".indexOf(c) >= 0 || Chars.isSpace(c);
  }

  private static Value trim(Environment env, Value in, Arguments args) {
    Value.Text text = text(env, in);
    Optional<String> chars = args.bind("trim", 0, "chars").text("chars");
    env.budget().text(text.value().length());
    String stripped = TextMethods.stripped(env.budget(), text.value(), chars, "strip");
    return new Value.Text(stripped, text.safe());
  }

  private static Value replace(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("replace", 2, "old", "new", "count");
    return Value.of(
        Texts.replaced(
            env.budget(),
            PythonText.str(env.budget(), in),
            PythonText.str(env.budget(), bound.get("old")),
            PythonText.str(env.budget(), bound.get("new")),
            bound.integer("count", -1)));
  }

  private static Value center(Environment env, Value in, Arguments args) {
    Value.Text text = text(env, in);
    int width = args.bind("center", 0, "width").integer("width", 80);
    String padded = TextMethods.padded(env.budget(), text.value(), width, " ", "center");
    return new Value.Text(padded, text.safe());
  }

  private static Value indent(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("indent", 0, "width", "first", "blank");
    Value.Text text = requireText("indent", in);
    Budget budget = env.budget();
    String indent =
        bound.find("width").orElse(Value.NONE) instanceof Value.Text given
            ? given.value()
            : spaces(budget, bound.integer("width", 4));
    budget.text(text.value().length());
    List<String> lines = TextSplitting.lines(text.value() + "\n", false);
    List<String> indented = new ArrayList<>(lines.size());
    boolean blank = bound.truth("blank", false);
    for (int i = 0; i < lines.size(); i++) {
      boolean bare = i == 0 ? !bound.truth("first", false) : !blank && lines.get(i).isEmpty();
      budget.text(indent.length());
      indented.add(bare ? lines.get(i) : indent.concat(lines.get(i)));
    }
    return new Value.Text(Texts.join(budget, "\n", indented), text.safe());
  }

  private static String spaces(Budget budget, int count) {
    budget.text(Math.max(0, count));
    return " ".repeat(Math.max(0, count));
  }

  private static Value truncate(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("truncate", 0, "length", "killwords", "end", "leeway");
    Value.Text text = requireText("truncate", in);
    String end = bound.text("end").orElse("...");
    int length = bound.integer("length", 255);
    int endLength = end.codePointCount(0, end.length());
    long leeway = bound.integer("leeway", 5);
    if (length < endLength || leeway < 0) {
      throw new EvaluationError("truncate() needs a length of at least that of its end");
    }
    env.budget().text(text.value().length());
    if (Types.length(env.budget(), text) <= length + leeway) {
      return text;
    }
    String kept = text.value().substring(0, text.value().offsetByCodePoints(0, length - endLength));
    int lastSpace = bound.truth("killwords", false) ? -1 : kept.lastIndexOf(' ');
    return new Value.Text((lastSpace < 0 ? kept : kept.substring(0, lastSpace)) + end, text.safe());
  }

  private static Value wordCount(Environment env, Value in, Arguments args) {
    String text = text(env, in).value();
    env.budget().text(text.length() * 4L);
    return Value.of(WORD.matcher(text).results().count());
  }

  private static Value format(Environment env, Value in, Arguments args) {
    if (args.named().isEmpty()) {
      return PercentFormat.apply(env.budget(), text(env, in), new Value.Tuple(args.positional()));
    }
    if (!args.positional().isEmpty()) {
      throw new EvaluationError("format takes values by position or by name, not both");
    }
    Dict named = new Dict();
    args.named().forEach(named::put);
    return PercentFormat.apply(env.budget(), text(env, in), named);
  }

  private static Value join(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("join", 0, "d", "attribute");
    AttributePath path = AttributePath.of(bound.find("attribute").orElse(Value.NONE));
    List<String> parts = new ArrayList<>();
    for (Value item : Types.items(env.budget(), in)) {
      parts.add(PythonText.str(env.budget(), path.get(env, item)));
    }
    String separator = bound.find("d").map(d -> PythonText.str(env.budget(), d)).orElse("");
    return Value.of(Texts.join(env.budget(), separator, parts));
  }
}
