package io.moka.text.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.MokaException;
import io.moka.TemplateException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates made to harm end in typed errors: no overflow of the stack, no endless run. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HostileTemplateTest {
  private static final int MANY = 100_000;

  /** Less than any thread that serves requests has. */
  private static final int STACK_BYTES = 512 << 10;

  /** Renders on a thread with a small stack and returns what is thrown. */
  private static Optional<Throwable> failure(String source, Map<String, ?> variables)
      throws InterruptedException {
    AtomicReference<Optional<Throwable>> thrown = new AtomicReference<>(Optional.empty());
    Runnable rendering =
        () -> {
          try {
            ChatTemplate.parse(source).render(variables);
          } catch (Throwable e) {
            thrown.set(Optional.of(e));
          }
        };
    Thread thread = new Thread(null, rendering, "small stack", STACK_BYTES);
    thread.start();
    thread.join();
    return thrown.get();
  }

  private static void assertFails(String source, Class<? extends MokaException> type)
      throws InterruptedException {
    assertThat(failure(source, Map.of("a", Map.of(), "s", "x")))
        .as(source.substring(0, Math.min(80, source.length())))
        .containsInstanceOf(type);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(",
        "[",
        "{1:",
        "not ",
        "-",
        "+",
        "a[",
        "a(",
        "a|f(",
        "a is f(",
        "1 if 1 else ",
        "(1,(",
        "a is in (",
        "a(*",
        "a(x="
      })
  void deepSyntaxIsRefused(String opening) throws InterruptedException {
    assertFails("{{ " + opening.repeat(MANY) + "1", ModelException.class);
    assertFails("{{ " + opening.repeat(MANY) + "1 }}", ModelException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% if 1 %}",
        "{% for x in [1] %}",
        "{% macro m() %}",
        "{% set x %}",
        "{% call m() %}",
        "{% filter upper %}",
        "{% with %}",
        "{% generation %}",
        "{% block b %}"
      })
  void deepBlocksAreRefused(String opening) throws InterruptedException {
    assertFails(opening.repeat(MANY / 10), ModelException.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ".b",
        "['b']",
        "()",
        "|string",
        " + 1",
        " and 1",
        " or 0",
        " * 1",
        " ** 1",
        " is string",
        "[0:]"
      })
  void longChainsAreRefused(String link) throws InterruptedException {
    assertFails("{{ a" + link.repeat(MANY) + " }}", MokaException.class);
  }

  @Test
  void deepestAllowedNestingFitsASmallStack() throws InterruptedException {
    for (String pair : List.of("()", "[]", "{}")) {
      String open = pair.equals("{}") ? "{1:" : pair.substring(0, 1);
      for (int depth = 100; depth <= 201; depth++) {
        String source = "{{ " + open.repeat(depth) + "1" + pair.substring(1).repeat(depth) + " }}";
        failure(source, Map.of())
            .ifPresent(thrown -> assertThat(thrown).isInstanceOf(MokaException.class));
      }
    }
    for (int terms = 350; terms <= 450; terms += 10) {
      failure("{{ 1" + " + 1".repeat(terms) + " }}", Map.of())
          .ifPresent(thrown -> assertThat(thrown).isInstanceOf(MokaException.class));
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% for x in [1] %}{% if 1 %}{{ [m()] }}{% endif %}{% endfor %}{% endmacro"
            + " %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{% endmacro %}{{ m() }}",
        "{% macro m() %}{% set x | upper %}{{ m() }}{% endset %}{% endmacro %}{{ m() }}",
        "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
        "{% set n = namespace(x=[]) %}{% for i in range(2000) %}{% set n.x = [n.x] %}{% endfor %}{{"
            + " n.x }}",
        "{% set n = namespace(x=[]) %}{% for i in range(2000) %}{% set n.x = {'a': n.x} %}{% endfor"
            + " %}{{ n.x | tojson }}",
        "{% set n = namespace(x=[], y=[]) %}{% for i in range(2000) %}{% set n.x = [n.x] %}{% set"
            + " n.y = [n.y] %}{% endfor %}{{ n.x == n.y }}",
        "{% set n = namespace(x=[], y=[]) %}{% for i in range(2000) %}{% set n.x = [n.x] %}{% set"
            + " n.y = [n.y] %}{% endfor %}{{ n.x < n.y }}",
        "{% set n = namespace(x=(1,)) %}{% for i in range(2000) %}{% set n.x = (n.x,) %}{% endfor"
            + " %}{{ {n.x: 1} }}",
        "{% set n = namespace(x=(1,)) %}{% for i in range(60) %}{% set n.x = (n.x, n.x) %}{% endfor"
            + " %}{{ {n.x: 1} }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor"
            + " %}{{ n.x }}",
        "{% set n = namespace(x=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{% endfor"
            + " %}{{ n.x | tojson }}",
        "{% set n = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set n.x = [n.x, n.x] %}{%"
            + " set n.y = [n.y, n.y] %}{% endfor %}{{ n.x == n.y }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ ('x' * 10000000) * 2 }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ [[1] * 1000] * 10 ** 6 }}",
        "{{ range(10 ** 12) }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 9 ** 999999 }}",
        "{{ 2.0 ** 100000 }}",
        "{% set n = namespace(x=9) %}{% for i in range(100) %}{% set n.x = n.x * n.x %}{% endfor"
            + " %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor"
            + " %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x ~ n.x %}{% endfor"
            + " %}",
        "{% set n = namespace(x=[1]) %}{% for i in range(100) %}{% set n.x = n.x + n.x %}{% endfor"
            + " %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x.replace('a',"
            + " 'aaaa') %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x.replace('', n.x)"
            + " %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x | join(n.x) %}{%"
            + " endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = n.x.join([n.x, n.x,"
            + " n.x]) %}{% endfor %}",
        "{% set n = namespace(x='a\\n') %}{% for i in range(100) %}{% set n.x = n.x |"
            + " indent(100000) %}{% set n.x = n.x + n.x %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x %}{{ n.x }}{{ n.x }}{%"
            + " endset %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = [n.x, n.x] | string"
            + " %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = [n.x, n.x] | tojson"
            + " %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = '%s%s' % (n.x, n.x)"
            + " %}{% endfor %}",
        "{% set n = namespace(x='ab') %}{% for i in range(100) %}{% set n.x = '{0}{0}'.format(n.x)"
            + " %}{% endfor %}",
        "{% set n = namespace(x='<<') %}{% for i in range(100) %}{% set n.x = n.x | forceescape"
            + " %}{% endfor %}{% for i in range(1000000) %}{% endfor %}",
        "{% set n = namespace(x='\\n') %}{% for i in range(100) %}{% set n.x = n.x |"
            + " tojson(indent=n.x) %}{% set n.x = [[n.x]] | tojson(indent=n.x) %}{% endfor %}",
        "{{ 'x'.center(10 ** 9) }}",
        "{{ 'x'.ljust(10 ** 10) }}",
        "{{ 'x'.zfill(10 ** 9) }}",
        "{{ '\\t'.expandtabs(10 ** 9) }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ 'a\\nb' | indent(10 ** 9) }}",
        "{{ [1] | batch(10 ** 9, 0) | list }}",
        "{{ [1] | slice(10 ** 9) | list }}",
        "{{ [1] | tojson(indent=10 ** 9) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%.1000000000f' % 1.5 }}",
        "{{ '%*d' % (10 ** 9, 1) }}",
        "{{ '{:1000000000}'.format(1) }}",
        "{{ '{:.99999999999999f}'.format(1.0) }}",
        "{{ '{:{}}'.format(1, 10 ** 9) }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{% for a in range(100000) %}{{ 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' * 100 }}{%"
            + " endfor %}",
        "{% set x = 'a' * 8000000 %}{% for i in range(1000) %}{{ ('a' * 4000000 + 'b') in x }}{%"
            + " endfor %}",
        "{% set x = range(100000) | list %}{% for i in range(1000) %}{{ x | sort | length }}{{ -1"
            + " in x }}{% endfor %}",
        "{% set x = 'ab' * 4000000 %}{% for i in range(1000) %}{% set y = x | upper %}{% endfor %}",
        "{% set x = 'ab' * 4000000 %}{% for i in range(10000) %}{{ x[::-1] | length }}{% endfor %}",
        "{% set x = 'ab' * 4000000 %}{% for i in range(100000) %}{{ x[5000000] }}{% endfor %}",
        "{% set x = 'ab' * 4000000 %}{% for i in range(100000) %}{{ x | length }}{% endfor %}",
        "{% set x = 'ab' * 4000000 %}{% for i in range(10000) %}{{ x | wordwrap(3) | length }}{%"
            + " endfor %}",
        "{% set x = 'ab' * 900000 %}{{ x | wordwrap(1) | length }}{{ 1 / 0 }}",
        "{{ ('{:' ~ '{0}' * 1000000 ~ '}').format('') }}",
        "{% set n = 2 ** 60000 %}{% for i in range(100000) %}{{ '{:_x}'.format(n) }}{% endfor %}",
        "{% set d = dict(range(100000) | batch(2)) %}{% for i in range(100000) %}{{ d.keys() =="
            + " d.keys() }}{% endfor %}",
        "{% set x = '1' * 4000000 %}{% for i in range(100000) %}{{ x | int }}{{ x | float }}{%"
            + " endfor %}{{ 1 / 0 }}",
      })
  void greedyTemplatesAreStopped(String source) throws InterruptedException {
    assertFails(source, TemplateException.class);
  }

  @Test
  void deepVariablesAreRefused() {
    List<Object> deep = new ArrayList<>();
    for (int i = 0; i < MANY; i++) {
      deep = new ArrayList<>(List.of(deep));
    }
    Map<String, Object> variables = Map.of("x", deep);
    assertThatThrownBy(() -> ChatTemplate.parse("{{ x }}").render(variables))
        .isInstanceOf(TemplateException.class);
    List<Object> itself = new ArrayList<>();
    itself.add(itself);
    assertThatThrownBy(() -> ChatTemplate.parse("{{ x }}").render(Map.of("x", itself)))
        .isInstanceOf(TemplateException.class);
    assertThatThrownBy(() -> ChatTemplate.parse("{{ x }}").render(Map.of("x", new Object())))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("expected text, a number");
  }

  @Test
  void nothingOfJavaIsThere() {
    for (String attempt :
        List.of(
            "s.getClass()",
            "s.class.x",
            "s.__class__.__mro__",
            "d.getClass().forName('x')",
            "range.__globals__.x",
            "n.real.__class__.x",
            "''.chars()",
            "m.stream()",
            "m.class.y")) {
      Map<String, Object> variables = Map.of("s", "x", "d", Map.of(), "n", 1, "m", List.of());
      assertThatThrownBy(() -> ChatTemplate.parse("{{ " + attempt + " }}").render(variables))
          .as(attempt)
          .isInstanceOf(TemplateException.class);
    }
  }

  @Test
  void damagedTemplatesEndInTypedErrors() {
    long seed = 20260115;
    Random random = new Random(seed);
    List<String> names =
        List.of(
            "qwen3",
            "qwq-32b",
            "deepseek-v3.1",
            "glm-4.6",
            "smollm3",
            "granite-3.3",
            "kimi-k2",
            "mistral-nemo-instruct",
            "mixtral-instruct-v0.1");
    List<String> sources = new ArrayList<>();
    List<List<Map<String, Object>>> inputs = new ArrayList<>();
    for (String name : names) {
      sources.add(TemplateJson.resource(name + ".jinja"));
      inputs.add(TemplateJson.cases(name + ".golden_chat.json"));
    }
    Map<String, Integer> counts = new TreeMap<>();
    for (int round = 0; round < 10_000; round++) {
      int which = random.nextInt(sources.size());
      String source = damaged(sources.get(which), sources, random);
      Map<String, Object> example = inputs.get(which).get(random.nextInt(inputs.get(which).size()));
      Map<String, Object> variables = new LinkedHashMap<>(GoldenTemplatesTest.variables(example));
      if (random.nextInt(3) == 0) {
        variables.replaceAll((name, value) -> damaged(value, random, 0));
      }
      String outcome;
      try {
        ChatTemplate.parse(source).render(variables);
        outcome = "rendered";
      } catch (ModelException e) {
        outcome = "refused when read";
      } catch (TemplateException e) {
        outcome = "refused when rendered";
      } catch (Throwable e) {
        throw new AssertionError("seed " + seed + ", round " + round + ": " + source, e);
      }
      counts.merge(outcome, 1, Integer::sum);
    }
    System.out.println("damaged templates: " + counts);
    assertThat(counts).hasSize(3);
  }

  private static final List<String> FRAGMENTS =
      List.of(
          "{{",
          "}}",
          "{%",
          "%}",
          "-%}",
          "{%-",
          "{#",
          "#}",
          "(",
          ")",
          "[",
          "]",
          "'",
          "\"",
          "|",
          ".",
          ",",
          " if ",
          " else ",
          " not ",
          " in ",
          " is ",
          "{% endif %}",
          "{% endfor %}",
          "{% else %}",
          "|length",
          "|tojson",
          "|map('upper')",
          ".items()",
          "[::-1]",
          "[0]",
          "none",
          "0",
          "-1",
          "1.5",
          "*",
          "**",
          "~",
          "+",
          "%",
          "//",
          "loop",
          "messages",
          "\\",
          "\u0000",
          "\ud800",
          "{% break %}",
          "{% set x = messages %}",
          "{{ messages }}",
          "|sort",
          "|first",
          "|join(',')",
          "|int",
          "|list",
          "range(9)",
          "namespace()",
          "{% raw %}",
          "is string");

  private static String damaged(String source, List<String> others, Random random) {
    StringBuilder text = new StringBuilder(source);
    int changes = 1 + random.nextInt(2);
    for (int i = 0; i < changes; i++) {
      int at = random.nextInt(text.length());
      int end = Math.min(text.length(), at + 1 + random.nextInt(12));
      switch (random.nextInt(6)) {
        case 0 -> text.delete(at, end);
        case 1 -> text.insert(at, FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
        case 2 -> text.replace(at, end, FRAGMENTS.get(random.nextInt(FRAGMENTS.size())));
        case 3 -> text.insert(at, text.substring(at, end));
        case 4 -> {
          // A word for another word of the same template keeps the syntax whole more often.
          String word = word(source, random.nextInt(source.length()));
          String other = word(source, random.nextInt(source.length()));
          int found = word.isEmpty() ? -1 : text.indexOf(word, at);
          if (found >= 0) {
            text.replace(found, found + word.length(), other);
          }
        }
        default -> {
          String other = others.get(random.nextInt(others.size()));
          int from = random.nextInt(other.length());
          text.insert(at, other, from, Math.min(other.length(), from + random.nextInt(200)));
        }
      }
      if (text.isEmpty()) {
        text.append('x');
      }
    }
    return text.toString();
  }

  private static String word(String source, int at) {
    int start = at;
    while (start > 0 && Character.isLetter(source.charAt(start - 1))) {
      start--;
    }
    int end = at;
    while (end < source.length() && Character.isLetter(source.charAt(end))) {
      end++;
    }
    return source.substring(start, end);
  }

  private static Object damaged(Object value, Random random, int depth) {
    if (random.nextInt(8) == 0) {
      return switch (random.nextInt(9)) {
        case 0 -> Optional.empty();
        case 1 -> random.nextLong();
        case 2 -> random.nextGaussian();
        case 3 -> "";
        case 4 -> random.nextBoolean();
        case 5 -> List.of(value);
        case 6 -> Map.of("role", value);
        case 7 -> "\ud800\u0000{{ x }}".repeat(random.nextInt(50));
        default -> List.of();
      };
    }
    if (value instanceof List<?> list) {
      List<Object> items = new ArrayList<>();
      list.forEach(item -> items.add(damaged(item, random, depth + 1)));
      return items;
    }
    if (value instanceof Map<?, ?> map) {
      Map<Object, Object> entries = new LinkedHashMap<>();
      map.forEach((key, item) -> entries.put(key, damaged(item, random, depth + 1)));
      return entries;
    }
    return value;
  }
}
