package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Vocabularies from GGUF metadata give what the same ones from tokenizer.json give. */
class GgufTokenizerGoldenTest {

  private static Tokenizer open(String name) {
    Optional<GgufVocabulary> vocabulary = Vocabularies.gguf(name);
    assumeTrue(vocabulary.isPresent(), "needs ../shared/tokenizers/" + name + "/vocab.gguf");
    return Tokenizer.ofGguf(name, vocabulary.get());
  }

  @ParameterizedTest
  @CsvSource({"qwen3,465,57", "mixtral,416,64", "gpt-2,433,57", "gpt2-llama3pre,404,57"})
  void theReferenceOfTheJsonFormHolds(String name, int cases, int streams) {
    try (Tokenizer tokenizer = open(name)) {
      TokenizerGoldenTest.checkCases(tokenizer, name, cases);
      TokenizerGoldenTest.checkStreams(tokenizer, name, streams);
      assertThat(tokenizer.vocabularySize()).isEqualTo(Vocabularies.open(name).vocabularySize());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"tiny-gpt2", "tiny-llama"})
  void theIdsOfLlamaCpp(String name) {
    JsonNode cases = Vocabularies.golden(name, "tokenize.json");
    assertThat(cases.size()).isEqualTo(12);
    SoftAssertions all = new SoftAssertions();
    try (Tokenizer tokenizer = open(name)) {
      for (JsonNode golden : cases) {
        String text = golden.get("text").stringValue();
        all.assertThat(tokenizer.encode(text, false, true))
            .as(text)
            .isEqualTo(Vocabularies.ids(golden.get("ids")));
        all.assertThat(tokenizer.encode(text, true, true))
            .as("%s, with special tokens around it", text)
            .isEqualTo(Vocabularies.ids(golden.get("ids_with_special_added")));
        all.assertThat(tokenizer.encode(text, false, false))
            .as("%s, plain", text)
            .isEqualTo(Vocabularies.ids(golden.get("ids_special_text_as_plain")));
      }
    }
    all.assertAll();
  }
}
