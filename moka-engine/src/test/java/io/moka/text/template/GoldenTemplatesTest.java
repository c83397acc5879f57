package io.moka.text.template;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.TemplateException;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Real models' templates against what Jinja2 makes of them, byte for byte. */
class GoldenTemplatesTest {
  static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-15T12:34:56Z"), ZoneOffset.UTC);

  @ParameterizedTest
  @ValueSource(
      strings = {
        "deepseek-r1-distill-qwen",
        "deepseek-v3.1",
        "functionary-v3.2",
        "gemma-4",
        "glm-4.6",
        "gpt-oss",
        "granite-3.3",
        "kimi-k2",
        "minimax-m2",
        "mistral-instruct-v0.2-first",
        "mistral-nemo-instruct",
        "mistral-small-3.2",
        "mixtral-instruct-v0.1",
        "qwen2.5-instruct",
        "qwen3",
        "qwen3-coder",
        "qwq-32b",
        "seed-oss",
        "smollm3"
      })
  void givesWhatJinjaGives(String name) {
    ChatTemplate template = ChatTemplate.parse(TemplateJson.resource(name + ".jinja"), CLOCK);
    List<Map<String, Object>> cases = TemplateJson.cases(name + ".golden_chat.json");
    assertThat(cases).hasSizeGreaterThan(40);
    for (Map<String, Object> example : cases) {
      String label = name + ": " + example.get("name");
      Map<String, Object> variables = variables(example);
      if (example.containsKey("error")) {
        assertThatThrownBy(() -> template.render(variables))
            .as(label)
            .isInstanceOf(TemplateException.class)
            .hasMessage((String) example.get("error"));
      } else {
        assertThat(template.render(variables)).as(label).isEqualTo(example.get("expected"));
      }
    }
  }

  @SuppressWarnings("unchecked")
  static Map<String, Object> variables(Map<String, Object> example) {
    Map<String, Object> variables = new LinkedHashMap<>();
    variables.put("tools", ChatTemplate.NONE);
    variables.put("documents", ChatTemplate.NONE);
    variables.putAll((Map<String, Object>) example.get("extra"));
    for (String name : List.of("messages", "tools", "add_generation_prompt")) {
      if (example.containsKey(name)) {
        variables.put(name, example.get(name));
      }
    }
    return variables;
  }
}
