package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;

import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

class TokenizerGoldenTest {

  @ParameterizedTest
  @CsvSource({"qwen3,465", "mixtral,416", "gpt-2,433", "gpt2-llama3pre,404"})
  void textBecomesTheIdsOfTheReference(String name, int count) {
    checkCases(Vocabularies.open(name), name, count);
  }

  @ParameterizedTest
  @CsvSource({"qwen3,57", "mixtral,64", "gpt-2,57", "gpt2-llama3pre,57"})
  void idsBecomeTextPieceByPiece(String name, int count) {
    checkStreams(Vocabularies.open(name), name, count);
  }

  static void checkCases(Tokenizer tokenizer, String name, int count) {
    JsonNode cases = Vocabularies.golden(name, "cases.json");
    assertThat(cases.size()).isEqualTo(count);
    SoftAssertions all = new SoftAssertions();
    for (JsonNode golden : cases) {
      String text = golden.get("text").stringValue();
      int[] ids = Vocabularies.ids(golden.get("ids"));
      boolean addSpecial = golden.get("add_special").booleanValue();
      boolean parseSpecial = golden.get("parse_special").booleanValue();
      all.assertThat(tokenizer.encode(text, addSpecial, parseSpecial))
          .as("%s: %s", golden.get("category").stringValue(), text)
          .isEqualTo(ids);
      all.assertThat(tokenizer.decode(ids, false))
          .as("decoding %s", text)
          .isEqualTo(golden.path("decoded").asString(text));
    }
    all.assertAll();
  }

  static void checkStreams(Tokenizer tokenizer, String name, int count) {
    JsonNode cases = Vocabularies.golden(name, "stream.json");
    assertThat(cases.size()).isEqualTo(count);
    SoftAssertions all = new SoftAssertions();
    for (JsonNode golden : cases) {
      boolean skip = golden.get("skip_special_tokens").booleanValue();
      boolean strip = golden.path("strip_leading_space").asBoolean(false);
      StreamDecoder decoder = new StreamDecoder(tokenizer, skip, strip);
      int[] ids = Vocabularies.ids(golden.get("ids"));
      StringBuilder text = new StringBuilder();
      for (int i = 0; i < ids.length; i++) {
        String increment = decoder.push(ids[i]);
        all.assertThat(increment)
            .as("%s, id %d", golden.get("name").stringValue(), i)
            .isEqualTo(golden.get("increments").get(i).stringValue());
        text.append(increment);
      }
      String flush = decoder.flush();
      all.assertThat(flush).isEqualTo(golden.get("flush").stringValue());
      String expected = golden.get("text").stringValue();
      all.assertThat(text.append(flush).toString()).isEqualTo(expected);
      if (strip == tokenizer.stripsLeadingSpace()) {
        all.assertThat(tokenizer.decode(ids, skip)).isEqualTo(expected);
      }
    }
    all.assertAll();
  }
}
