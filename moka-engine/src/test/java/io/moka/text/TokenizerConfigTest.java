package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerConfigTest {
  @TempDir Path folder;

  private TokenizerConfig read(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), json);
    return TokenizerConfig.read(folder);
  }

  @Test
  void nothingIsRequired() {
    assertThat(TokenizerConfig.read(folder)).isEqualTo(TokenizerConfig.NONE);
  }

  @Test
  void specialTokensAreTextsOrObjects() throws IOException {
    TokenizerConfig config =
        read(
            "{\"bos_token\":\"<s>\",\"eos_token\":{\"content\":\"</s>\",\"lstrip\":false},"
                + "\"pad_token\":null,\"add_bos_token\":true,\"unk_token\":{},"
                + "\"model_max_length\":1e30}");
    assertThat(config.specialTokens()).isEqualTo(Map.of("bos_token", "<s>", "eos_token", "</s>"));
    assertThat(config.addBeginToken()).contains(true);
    assertThat(config.chatTemplate()).isEmpty();
  }

  @Test
  void templates() throws IOException {
    assertThat(read("{\"chat_template\":\"T\"}").chatTemplate()).contains("T");
    TokenizerConfig list =
        read(
            "{\"chat_template\":[{\"name\":\"rag\",\"template\":\"R\"},"
                + "{\"name\":\"tool_use\",\"template\":\"U\"},"
                + "{\"name\":\"default\",\"template\":\"D\"}]}");
    assertThat(list.chatTemplate()).contains("D");
    assertThat(list.toolUseTemplate()).contains("U");
    Files.writeString(folder.resolve("chat_template.jinja"), "J\n");
    assertThat(TokenizerConfig.read(folder).chatTemplate()).contains("J\n");
    assertThat(TokenizerConfig.read(folder).toolUseTemplate()).contains("U");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "{", "[]", "7", "{\"chat_template\":7}", "{\"chat_template\":{}}", "{} x"})
  void damagedFiles(String json) {
    assertThatThrownBy(() -> read(json))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("tokenizer_config.json");
  }

  @Test
  void deepAndForeignFiles() throws IOException {
    assertThatThrownBy(() -> read("{\"a\":" + "[".repeat(100_000)))
        .isInstanceOf(ModelException.class);
    Files.delete(folder.resolve("tokenizer_config.json"));
    Files.write(folder.resolve("chat_template.jinja"), new byte[] {'a', (byte) 0xFF});
    assertThatThrownBy(() -> TokenizerConfig.read(folder))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("UTF-8");
    Files.write(folder.resolve("chat_template.jinja"), new byte[(1 << 20) + 1]);
    assertThatThrownBy(() -> TokenizerConfig.read(folder))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("bytes");
  }
}
