package io.moka.text.template;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.MokaException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Small templates, each for a rule of the language, against what Jinja2 makes of them. */
class LanguageTest {

  @Test
  @SuppressWarnings("unchecked")
  void followsJinja() {
    Map<String, Object> document =
        (Map<String, Object>) TemplateJson.parse(TemplateJson.resource("language.json"));
    Map<String, Object> variables = (Map<String, Object>) document.get("variables");
    List<Map<String, Object>> cases = (List<Map<String, Object>>) document.get("cases");
    assertThat(cases).hasSizeGreaterThan(350);
    List<String> differences = new ArrayList<>();
    for (Map<String, Object> example : cases) {
      String source = (String) example.get("template");
      // Which exception it is says more of Python than of the template; that it fails is the rule.
      Optional<String> expected = Optional.ofNullable((String) example.get("expected"));
      String problem = "none";
      Optional<String> found = Optional.empty();
      try {
        found =
            Optional.of(ChatTemplate.parse(source, GoldenTemplatesTest.CLOCK).render(variables));
      } catch (MokaException e) {
        problem = e.getMessage();
      }
      if (!found.equals(expected)) {
        differences.add(
            "template "
                + source
                + "\nexpected "
                + expected
                + "\nfound    "
                + found
                + "\nproblem  "
                + problem
                + "\n");
      }
    }
    assertThat(differences).isEmpty();
  }
}
