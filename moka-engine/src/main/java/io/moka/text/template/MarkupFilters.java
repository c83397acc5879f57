package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Filters for HTML and addresses. */
final class MarkupFilters {
  private static final Map<String, String> ENTITIES =
      Map.of("&lt;", "<", "&gt;", ">", "&quot;", "\"", "&#34;", "\"", "&#39;", "'");

  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("safe", (env, in, args) -> safe(TextFilters.text(env, in).value())),
          entry("escape", MarkupFilters::escape),
          entry("e", MarkupFilters::escape),
          entry(
              "forceescape",
              (env, in, args) -> escape(env, Value.of(TextFilters.text(env, in).value()), args)),
          entry("striptags", MarkupFilters::stripTags),
          entry("xmlattr", MarkupFilters::attributes),
          entry("urlencode", MarkupFilters::urlEncode));

  private MarkupFilters() {}

  private static Value safe(String text) {
    return new Value.Text(text, true);
  }

  private static Value escape(Environment env, Value in, Arguments args) {
    return safe(Texts.escaped(env.budget(), TextFilters.text(env, in)));
  }

  private static Value stripTags(Environment env, Value in, Arguments args) {
    String text = TextFilters.text(env, in).value();
    env.budget().text(text.length() * 2L);
    String bare = without(without(text, "<!--", "-->"), "<", ">");
    String line = String.join(" ", bare.strip().split("\\s+"));
    for (Map.Entry<String, String> entity : ENTITIES.entrySet()) {
      line = line.replace(entity.getKey(), entity.getValue());
    }
    return Value.of(line.replace("&amp;", "&"));
  }

  private static String without(String text, String open, String close) {
    StringBuilder rest = new StringBuilder();
    int from = 0;
    for (int start = text.indexOf(open); start >= 0; start = text.indexOf(open, from)) {
      int end = text.indexOf(close, start + open.length());
      if (end < 0) {
        break;
      }
      rest.append(text, from, start);
      from = end + close.length();
    }
    return rest.append(text, from, text.length()).toString();
  }

  private static Value attributes(Environment env, Value in, Arguments args) {
    boolean space = args.bind("xmlattr", 0, "autospace").truth("autospace", true);
    if (!(in instanceof Dict dict)) {
      throw new EvaluationError("xmlattr needs a mapping, not a " + Types.name(in));
    }
    List<String> parts = new ArrayList<>();
    for (Dict.Entry entry : dict.entries()) {
      if (entry.value() instanceof Value.None || entry.value() instanceof Value.Undefined) {
        continue;
      }
      String key = TextFilters.text(env, entry.key()).value();
      if (key.chars().anyMatch(c -> c <= ' ' || c == '/' || c == '>' || c == '=')) {
        throw new EvaluationError("xmlattr meets a character that no attribute's name may have");
      }
      String name = Texts.escaped(env.budget(), TextFilters.text(env, entry.key()));
      String value = Texts.escaped(env.budget(), TextFilters.text(env, entry.value()));
      parts.add(name + "=\"" + value + '"');
    }
    String joined = Texts.join(env.budget(), " ", parts);
    return Value.of(space && !joined.isEmpty() ? " " + joined : joined);
  }

  private static Value urlEncode(Environment env, Value in, Arguments args) {
    if (in instanceof Value.Text || !Types.iterable(in)) {
      return Value.of(quoted(env, in, false));
    }
    List<Value> pairs =
        in instanceof Dict dict
            ? new Value.View(dict, Value.View.Kind.ITEMS).items()
            : Types.items(env.budget(), in);
    List<String> parts = new ArrayList<>();
    for (Value pair : pairs) {
      List<Value> both = Types.items(env.budget(), pair);
      if (both.size() != 2) {
        throw new EvaluationError("urlencode needs pairs");
      }
      parts.add(quoted(env, both.get(0), true) + "=" + quoted(env, both.get(1), true));
    }
    return Value.of(Texts.join(env.budget(), "&", parts));
  }

  private static String quoted(Environment env, Value value, boolean query) {
    String text = PythonText.str(env.budget(), value);
    env.budget().text(text.length() * 9L);
    StringBuilder quoted = new StringBuilder();
    for (byte unit : text.getBytes(StandardCharsets.UTF_8)) {
      char c = (char) (unit & 0xff);
      boolean plain =
          c >= 'a' && c <= 'z'
              || c >= 'A' && c <= 'Z'
              || c >= '0' && c <= '9'
              || "_.-~".indexOf(c) >= 0;
      if (plain || c == '/' && !query) {
        quoted.append(c);
      } else {
        quoted.append(c == ' ' && query ? "+" : String.format(Locale.ROOT, "%%%02X", (int) c));
      }
    }
    return quoted.toString();
  }
}
