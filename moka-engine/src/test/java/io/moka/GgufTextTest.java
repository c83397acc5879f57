package io.moka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** Text goes into and comes out of a model whose vocabulary lies in its GGUF file. */
class GgufTextTest {
  private static final Path FOLDER = GoldenTensors.FOLDER.resolve("gguf-tiny");

  @ParameterizedTest
  @ValueSource(strings = {"tiny-qwen3moe-F32.gguf", "tiny-llama-moe-F32.gguf"})
  void idsAreThoseOfLlamaCpp(String name) throws IOException {
    try (Moka moka = Moka.load(FOLDER.resolve(name))) {
      for (JsonNode text : GoldenTensors.json(FOLDER.resolve("tokenize.json")).get(name)) {
        String written = text.get("text").stringValue();
        assertThat(moka.tokenizer().encode(written, true, true))
            .as(written)
            .isEqualTo(GoldenTensors.ids(text.get("ids_with_special_added")));
        assertThat(moka.tokenizer().encode(written, false, false))
            .as(written)
            .isEqualTo(GoldenTensors.ids(text.get("ids_special_text_as_plain")));
      }
    }
  }

  @Test
  void aSplitModelChatsByTheTemplateOfItsFirstPart() {
    Path second = FOLDER.resolve("tiny-qwen3moe-split-Q8_0-00002-of-00002.gguf");
    try (Moka moka = Moka.load(second)) {
      assertThat(moka.chats()).isTrue();
      List<ChatMessage> messages = List.of(ChatMessage.user("hello"));
      GenerateOptions options = GenerateOptions.DEFAULT.withTemperature(0).withMaxTokens(4);
      assertThat(moka.chat(messages, options).ids()).isNotEmpty();
      assertThat(moka.generate("the mixture", options).ids()).isNotEmpty();
    }
  }

  @Test
  void aModelWithoutVocabularyTakesIdsAlone() {
    try (Moka moka = Moka.load(FOLDER.resolve("tiny-qwen3moe-yarn-Q8_0.gguf"))) {
      moka.logits(List.of(1, 2, 3), (position, rows, row) -> {});
      assertThatThrownBy(() -> moka.generate("the"))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("no vocabulary in a GGUF file");
      assertThatThrownBy(() -> moka.chat(List.of(), GenerateOptions.DEFAULT))
          .isInstanceOf(ModelException.class);
    }
  }
}
