package io.moka.text.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.TemplateException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ChatTemplateTest {

  private static String render(String source, Map<String, ?> variables) {
    return ChatTemplate.parse(source, GoldenTemplatesTest.CLOCK).render(variables);
  }

  @Test
  void takesPlainJavaValues() {
    Map<String, Object> variables = new LinkedHashMap<>();
    variables.put("whole", List.of(1, 2L, (short) 3, (byte) 4, BigInteger.TEN.pow(20)));
    variables.put("real", List.of(1.0, 2.5f, new BigDecimal("1e-7")));
    variables.put("nones", Arrays.asList(ChatTemplate.NONE, null, Optional.of("x")));
    variables.put("map", new LinkedHashMap<>(Map.of(1, true)));
    assertThat(render("{{ whole }} {{ real }} {{ nones }} {{ map }}", variables))
        .isEqualTo(
            "[1, 2, 3, 4, 100000000000000000000] [1.0, 2.5, 1e-07] [None, None, 'x'] {1: True}");
  }

  @Test
  void tellsNoneFromUndefined() {
    String source = "{{ x is none }} {{ x is defined }}";
    assertThat(render(source, Map.of("x", ChatTemplate.NONE))).isEqualTo("True True");
    assertThat(render(source, Map.of())).isEqualTo("False False");
  }

  @Test
  void asksTheGivenClock() {
    assertThat(render("{{ strftime_now('%d %b %Y %H:%M:%S') }}", Map.of()))
        .isEqualTo("15 Jan 2026 12:34:56");
  }

  @Test
  void passesOnWhatTheTemplateRaises() {
    assertThatThrownBy(() -> render("a\n{{ raise_exception('Only ' ~ 1) }}", Map.of()))
        .isInstanceOf(TemplateException.class)
        .hasMessage("Only 1");
  }

  @Test
  void namesTheLineThatFails() {
    assertThatThrownBy(() -> render("a\n{% if true %}\n{{ x.y }}\n{% endif %}", Map.of()))
        .isInstanceOf(TemplateException.class)
        .hasMessageContaining("line 3: 'x' is undefined");
    assertThatThrownBy(() -> ChatTemplate.parse("a\nb\n{% if %}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("line 3: expected an expression, found '%}'");
    assertThatThrownBy(() -> ChatTemplate.parse("\n{% for x in y %}\n{{ x }}\n"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("line 3: 'for' is not closed; expected else or endfor");
    assertThatThrownBy(() -> ChatTemplate.parse("\n{{ x|nope }}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("line 2: there is no filter 'nope'");
    assertThatThrownBy(() -> ChatTemplate.parse("{% include 'x' %}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("the tag 'include' is unknown");
  }

  @Test
  void rendersInManyThreadsAtOnce() {
    ChatTemplate template =
        ChatTemplate.parse(
            "{% set ns = namespace(x=0) %}{% for i in range(n) %}{% set ns.x = ns.x + i %}"
                + "{% endfor %}{{ ns.x }}");
    List<String> sums =
        IntStream.range(0, 200).parallel().mapToObj(n -> template.render(Map.of("n", n))).toList();
    for (int n = 0; n < 200; n++) {
      assertThat(sums.get(n)).isEqualTo(Integer.toString(n * (n - 1) / 2));
    }
  }
}
