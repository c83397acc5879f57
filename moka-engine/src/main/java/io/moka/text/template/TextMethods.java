package io.moka.text.template;

import static java.util.Map.entry;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/** The methods of Python's str. */
final class TextMethods {
  private interface Method {
    Value call(Environment environment, String self, Arguments arguments);
  }

  private static final Map<String, Method> METHODS =
      Map.ofEntries(
          entry("strip", (env, self, args) -> strip(env, self, args, "strip")),
          entry("lstrip", (env, self, args) -> strip(env, self, args, "lstrip")),
          entry("rstrip", (env, self, args) -> strip(env, self, args, "rstrip")),
          entry("split", (env, self, args) -> TextSplitting.split(env.budget(), self, args, false)),
          entry("rsplit", (env, self, args) -> TextSplitting.split(env.budget(), self, args, true)),
          entry("splitlines", (env, self, args) -> TextSplitting.lines(env.budget(), self, args)),
          entry(
              "partition",
              (env, self, args) -> TextSplitting.partition(env.budget(), self, args, false)),
          entry(
              "rpartition",
              (env, self, args) -> TextSplitting.partition(env.budget(), self, args, true)),
          entry("startswith", (env, self, args) -> affix(env, self, args, "startswith")),
          entry("endswith", (env, self, args) -> affix(env, self, args, "endswith")),
          entry("removeprefix", (env, self, args) -> remove(env, self, args, true)),
          entry("removesuffix", (env, self, args) -> remove(env, self, args, false)),
          entry("find", (env, self, args) -> find(env, self, args, "find")),
          entry("rfind", (env, self, args) -> find(env, self, args, "rfind")),
          entry("index", (env, self, args) -> find(env, self, args, "index")),
          entry("rindex", (env, self, args) -> find(env, self, args, "rindex")),
          entry("count", TextMethods::count),
          entry("replace", TextMethods::replace),
          entry("join", TextMethods::join),
          entry("format", TextFormat::format),
          entry("upper", simple("upper", TextCase::upper)),
          entry("lower", simple("lower", text -> text.toLowerCase(Locale.ROOT))),
          entry(
              "casefold",
              simple("casefold", text -> TextCase.upper(text).toLowerCase(Locale.ROOT))),
          entry("title", simple("title", TextCase::title)),
          entry("capitalize", simple("capitalize", TextCase::capitalize)),
          entry("swapcase", simple("swapcase", TextCase::swap)),
          entry("center", (env, self, args) -> justify(env, self, args, "center")),
          entry("ljust", (env, self, args) -> justify(env, self, args, "ljust")),
          entry("rjust", (env, self, args) -> justify(env, self, args, "rjust")),
          entry("zfill", TextMethods::zeroFill),
          entry("expandtabs", TextMethods::expandTabs),
          entry("isalpha", every("isalpha", Character::isLetter)),
          entry("isalnum", every("isalnum", c -> Character.isLetter(c) || TextCase.isNumeric(c))),
          entry("isdigit", every("isdigit", TextCase::isDigit)),
          entry("isdecimal", every("isdecimal", Character::isDigit)),
          entry("isnumeric", every("isnumeric", TextCase::isNumeric)),
          entry("isspace", every("isspace", Chars::isSpace)),
          entry("isprintable", test("isprintable", text -> all(text, Chars::isPrintable))),
          entry("isascii", test("isascii", text -> all(text, c -> c < 128))),
          entry("islower", test("islower", TextCase::isLower)),
          entry("isupper", test("isupper", TextCase::isUpper)),
          entry("istitle", test("istitle", TextCase::isTitle)),
          entry("isidentifier", test("isidentifier", TextMethods::isIdentifier)));

  private TextMethods() {}

  /** The method, bound to its text; what it makes of safe text is safe. */
  static Optional<Value> find(Environment environment, Value.Text self, String name) {
    return Optional.ofNullable(METHODS.get(name))
        .map(method ->
            new Value.Function(
                name,
                arguments -> {
                  environment.budget().text(self.value().length());
                  Value result = method.call(environment, self.value(), arguments);
                  return self.safe() && result instanceof Value.Text text
                      ? new Value.Text(text.value(), true)
                      : result;
                }));
  }

  private static Method simple(String name, UnaryOperator<String> change) {
    return (env, self, args) -> {
      args.bind(name, 0);
      return Value.of(change.apply(self));
    };
  }

  private static Method test(String name, Predicate<String> question) {
    return (env, self, args) -> {
      args.bind(name, 0);
      return Value.of(question.test(self));
    };
  }

  private static Method every(String name, IntPredicate question) {
    return test(name, text -> !text.isEmpty() && all(text, question));
  }

  private static boolean all(String text, IntPredicate question) {
    return text.codePoints().allMatch(question);
  }

  private static boolean isIdentifier(String text) {
    return !text.isEmpty()
        && Chars.isNameStart(text.codePointAt(0))
        && all(text, Chars::isNamePart);
  }

  private static Value strip(Environment env, String self, Arguments args, String name) {
    Optional<String> chars = args.bind(name, 0, "chars").text("chars");
    return Value.of(stripped(env.budget(), self, chars, name));
  }

  /** Strips white space, or the characters given, at one side or both. */
  static String stripped(Budget budget, String text, Optional<String> chars, String name) {
    chars.ifPresent(set -> budget.find(text, set));
    IntPredicate removed =
        chars.<IntPredicate>map(set -> c -> set.indexOf(c) >= 0).orElse(Chars::isSpace);
    String result = name.equals("lstrip") ? text : Chars.stripEnd(text, removed);
    return name.equals("rstrip") ? result : Chars.stripStart(result, removed);
  }

  /** A part of a text by code points, and the code points before it. */
  private record Region(String text, int offset) {
    static Region of(String text, Arguments.Bound bound) {
      int length = text.codePointCount(0, text.length());
      int from = bound.integer("start", 0);
      int to = Math.min(length, bound.integer("end", Integer.MAX_VALUE));
      from = from < 0 ? Math.max(0, from + length) : from;
      to = to < 0 ? Math.max(0, to + length) : to;
      if (from > to) {
        return new Region("", -1);
      }
      int start = text.offsetByCodePoints(0, from);
      return new Region(text.substring(start, text.offsetByCodePoints(start, to - from)), from);
    }

    /** Whether the start lies behind the end, where not even the empty text is found. */
    boolean outside() {
      return offset < 0;
    }
  }

  private static Value affix(Environment env, String self, Arguments args, String name) {
    Arguments.Bound bound = args.bind(name, 1, "affix", "start", "end");
    Region region = Region.of(self, bound);
    List<Value> affixes =
        bound.get("affix") instanceof Value.Tuple tuple
            ? tuple.items()
            : List.of(bound.get("affix"));
    for (Value affix : affixes) {
      if (!(affix instanceof Value.Text text)) {
        throw bound.wrong("affix", "text or a tuple of texts", affix);
      }
      env.budget().text(text.value().length());
      boolean found =
          name.equals("startswith")
              ? region.text().startsWith(text.value())
              : region.text().endsWith(text.value());
      if (found && !region.outside()) {
        return Value.TRUE;
      }
    }
    return Value.FALSE;
  }

  private static Value remove(Environment env, String self, Arguments args, boolean prefix) {
    String affix = required(args.bind("removeprefix", 1, "affix"), "affix");
    if (prefix) {
      return Value.of(self.startsWith(affix) ? self.substring(affix.length()) : self);
    }
    return Value.of(
        self.endsWith(affix) ? self.substring(0, self.length() - affix.length()) : self);
  }

  private static String required(Arguments.Bound bound, String name) {
    return bound.text(name).orElseThrow(() -> bound.wrong(name, "text", Value.NONE));
  }

  private static Value find(Environment env, String self, Arguments args, String name) {
    Arguments.Bound bound = args.bind(name, 1, "sub", "start", "end");
    String wanted = required(bound, "sub");
    Region region = Region.of(self, bound);
    env.budget().find(region.text(), wanted);
    boolean last = name.startsWith("r");
    int at = last ? region.text().lastIndexOf(wanted) : region.text().indexOf(wanted);
    if (at < 0 || region.outside()) {
      if (name.endsWith("index")) {
        throw new EvaluationError(name + "() does not find the text");
      }
      return Value.of(-1);
    }
    return Value.of(region.offset() + region.text().codePointCount(0, at));
  }

  private static Value count(Environment env, String self, Arguments args) {
    Arguments.Bound bound = args.bind("count", 1, "sub", "start", "end");
    String wanted = required(bound, "sub");
    Region region = Region.of(self, bound);
    if (region.outside()) {
      return Value.of(0);
    }
    String text = region.text();
    if (wanted.isEmpty()) {
      return Value.of(text.codePointCount(0, text.length()) + 1);
    }
    env.budget().find(text, wanted);
    int count = 0;
    for (int at = text.indexOf(wanted); at >= 0; at = text.indexOf(wanted, at + wanted.length())) {
      count++;
    }
    return Value.of(count);
  }

  private static Value replace(Environment env, String self, Arguments args) {
    Arguments.Bound bound = args.bind("replace", 2, "old", "new", "count");
    return Value.of(
        Texts.replaced(
            env.budget(),
            self,
            required(bound, "old"),
            required(bound, "new"),
            bound.integer("count", -1)));
  }

  private static Value join(Environment env, String self, Arguments args) {
    List<String> parts = new ArrayList<>();
    for (Value item : Types.items(env.budget(), args.bind("join", 1, "items").get("items"))) {
      if (!(item instanceof Value.Text text)) {
        throw new EvaluationError("join() needs texts, not a " + Types.name(item));
      }
      parts.add(text.value());
    }
    return Value.of(Texts.join(env.budget(), self, parts));
  }

  private static Value justify(Environment env, String self, Arguments args, String name) {
    Arguments.Bound bound = args.bind(name, 1, "width", "fill");
    String fill = bound.text("fill").orElse(" ");
    if (fill.codePointCount(0, fill.length()) != 1) {
      throw new EvaluationError(name + "() fills with one character");
    }
    return Value.of(padded(env.budget(), self, bound.integer("width", 0), fill, name));
  }

  /** Fills a text up to a width: ljust on the right, rjust on the left, center on both sides. */
  static String padded(Budget budget, String text, int width, String fill, String how) {
    int missing = Math.max(0, width - text.codePointCount(0, text.length()));
    budget.text(text.length() + (long) missing * fill.length());
    int left =
        switch (how) {
          case "ljust" -> 0;
          case "rjust" -> missing;
          default -> missing / 2 + (missing & width & 1);
        };
    return fill.repeat(left) + text + fill.repeat(missing - left);
  }

  private static Value zeroFill(Environment env, String self, Arguments args) {
    int width = args.bind("zfill", 1, "width").integer("width", 0);
    boolean signed = self.startsWith("-") || self.startsWith("+");
    String digits = signed ? self.substring(1) : self;
    String filled = padded(env.budget(), digits, width - (signed ? 1 : 0), "0", "rjust");
    return Value.of(signed ? self.charAt(0) + filled : filled);
  }

  private static Value expandTabs(Environment env, String self, Arguments args) {
    int size = Math.max(0, args.bind("expandtabs", 0, "tabsize").integer("tabsize", 8));
    StringBuilder text = new StringBuilder();
    int column = 0;
    for (int i = 0; i < self.length(); i++) {
      char c = self.charAt(i);
      if (c == '\t') {
        int spaces = size == 0 ? 0 : size - column % size;
        env.budget().text((long) text.length() + spaces);
        text.repeat(' ', spaces);
        column += spaces;
      } else {
        text.append(c);
        column = c == '\n' || c == '\r' ? 0 : column + (Character.isLowSurrogate(c) ? 0 : 1);
      }
    }
    return Value.of(text.toString());
  }
}
