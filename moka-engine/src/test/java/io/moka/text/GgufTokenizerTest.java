package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.ModelException;
import io.moka.engine.ChatEncoder;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufTokenizerTest {

  @Test
  void whatStandsBesideTheVocabulary() {
    try (Tokenizer tokenizer = Tokenizer.ofGguf("tiny", Vocabularies.gguf("tiny-gpt2").get())) {
      assertThat(tokenizer.specialTokens())
          .isEqualTo(
              Map.of(
                  "bos_token", "<|endoftext|>",
                  "eos_token", "<|im_end|>",
                  "pad_token", "<|endoftext|>"));
      assertThat(tokenizer.chatTemplate()).get().asString().contains("<|im_start|>assistant");
      assertThat(tokenizer.toolUseTemplate()).isEmpty();
      assertThat(tokenizer.vocabularySize()).isEqualTo(300);
    }
  }

  @Test
  void theChatTemplateOfTheFileIsUsed() {
    try (Tokenizer tokenizer = Tokenizer.ofGguf("tiny", Vocabularies.gguf("tiny-gpt2").get())) {
      ChatEncoder chat = new ChatEncoder(tokenizer, tokenizer.chatTemplate().get());
      int[] ids = chat.encode(List.of(Map.of("role", "user", "content", "<|im_end|> a")), Map.of());
      assertThat(tokenizer.decode(ids, false))
          .isEqualTo("<|im_start|>user\n<|im_end|> a<|im_end|>\n<|im_start|>assistant\n");
      assertThat(ids).startsWith(298).containsOnlyOnce(299); // the message's own one is text
    }
  }

  @Test
  void aTemplateForToolsOfItsOwn() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    vocabulary.toolUseTemplate = Optional.of("tools");
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.toolUseTemplate()).contains("tools");
      assertThat(tokenizer.chatTemplate()).isEmpty();
    }
  }

  @Test
  void tokensAroundTheText() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    assertThat(encode(vocabulary, "a", true)).containsExactly(64);
    vocabulary.addBegin = Optional.of(true);
    vocabulary.addEnd = Optional.of(true);
    assertThat(encode(vocabulary, "a", true)).containsExactly(297, 64, 299);
    assertThat(encode(vocabulary, "a", false)).containsExactly(64);
    vocabulary.addBegin = Optional.empty();
    vocabulary.addEnd = Optional.empty();
    vocabulary.preTokenizer = Optional.of("llama-bpe"); // begins texts with a token by itself
    assertThat(encode(vocabulary, "a", true)).containsExactly(297, 64);
    vocabulary.ids.remove(GgufVocabulary.BEGIN_ID);
    assertThat(encode(vocabulary, "a", true)).containsExactly(64);
  }

  @Test
  void sentencePieceHasUsualIdsForBeginAndEnd() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.smallPieces();
    vocabulary.ids.clear();
    vocabulary.addBegin = Optional.empty();
    vocabulary.addEnd = Optional.of(true);
    assertThat(encode(vocabulary, "a", true)).containsExactly(1, 262, 2);
    vocabulary.types[1] = GgufTokenType.NORMAL.number();
    assertThat(encode(vocabulary, "a", true)).containsExactly(262, 2);
  }

  @Test
  void theSpaceBeforeATextIsASwitch() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.smallPieces();
    vocabulary.addSpacePrefix = Optional.of(false);
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.stripsLeadingSpace()).isFalse();
      int[] ids = tokenizer.encode("a", false, true);
      assertThat(ids).containsExactly(283);
      assertThat(tokenizer.decode(new int[] {262}, true)).isEqualTo(" a");
    }
  }

  @Test
  void charactersThatAreNoTokensAreMergedAllTheSame() {
    try (Tokenizer tokenizer = GgufVocabularyBuilder.smallPieces().open()) {
      int[] ids = tokenizer.encode("exx", false, true);
      int byteX = tokenizer.idOf("<0x78>").getAsInt();
      assertThat(ids).containsExactly(280, tokenizer.idOf("ex").getAsInt(), byteX);
      assertThat(tokenizer.decode(ids, true)).isEqualTo("exx");
      assertThat(tokenizer.idOf("x")).isEmpty();
      assertThat(tokenizer.vocabularySize()).isEqualTo(300);
    }
  }

  @Test
  void withoutBytesTheUnknownTokenStandsForACharacter() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.smallPieces();
    for (int id = 3; id < 259; id++) {
      vocabulary.tokens.set(id, "[PAD" + id + "]");
      vocabulary.types[id] = GgufTokenType.UNUSED.number();
    }
    assertThat(encode(vocabulary, "aQx", true)).containsExactly(1, 262, 0, 0);
    vocabulary.ids.remove(GgufVocabulary.UNKNOWN_ID); // its type tells it, too
    assertThat(encode(vocabulary, "aQx", true)).containsExactly(1, 262, 0, 0);
  }

  @Test
  void idsWithoutTokenAreNone() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    int empty = vocabulary.add("", GgufTokenType.NORMAL);
    int alsoEmpty = vocabulary.add("", GgufTokenType.NORMAL);
    int last = vocabulary.add("last", GgufTokenType.USER_DEFINED);
    vocabulary.add("[PAD303]", GgufTokenType.UNUSED);
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.tokenBytes(empty)).isEmpty();
      assertThat(tokenizer.tokenBytes(alsoEmpty)).isEmpty();
      assertThat(tokenizer.idOf("[PAD303]")).isEmpty();
      assertThat(tokenizer.vocabularySize()).isEqualTo(last + 1);
    }
  }

  @Test
  void plainTextNeverBecomesAControlToken() {
    GgufVocabularyBuilder listed = GgufVocabularyBuilder.small();
    int pair = listed.add("!\"", GgufTokenType.CONTROL);
    listed.merges.addFirst("! \"");
    int single = listed.tokens.indexOf("#");
    listed.types[single] = GgufTokenType.CONTROL.number();
    try (Tokenizer tokenizer = listed.open()) {
      assertThat(tokenizer.encode("!\"#", false, false)).containsExactly(0, 1);
      assertThat(tokenizer.encode("!\"#", false, true)).containsExactly(pair, single);
    }
    GgufVocabularyBuilder scored = GgufVocabularyBuilder.smallPieces();
    int word = scored.add("in", GgufTokenType.NORMAL);
    scored.tokens.set(word, "one");
    scored.types[word] = GgufTokenType.CONTROL.number();
    scored.scores[word] = 9;
    try (Tokenizer tokenizer = scored.open()) {
      assertThat(tokenizer.encode("one", false, true)).containsExactly(word);
      assertThat(tokenizer.encode("one", false, false)).doesNotContain(word).hasSize(3);
      assertThat(tokenizer.encode("<0x41>", false, true)).hasSizeGreaterThan(6);
    }
  }

  @Test
  void theEndOfATurnIsAControlTokenWhateverItsType() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    vocabulary.types[299] = GgufTokenType.NORMAL.number();
    assertThat(encode(vocabulary, "<|im_end|>", true)).containsExactly(299);
    vocabulary.types[299] = GgufTokenType.USER_DEFINED.number();
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.isSpecial(299)).isTrue();
      assertThat(tokenizer.encode("<|im_end|>", false, false)).doesNotContain(299);
    }
    vocabulary.ids.put(GgufVocabulary.BEGIN_ID, 11L); // a comma, which stays one
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.isSpecial(11)).isFalse();
      assertThat(tokenizer.encode("a,", false, false)).containsExactly(64, 11);
    }
  }

  @Test
  void whatEndsAnAnswer() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    assertThat(vocabulary.build().endTokenIds()).containsExactly(297, 299);
    vocabulary.ids.put("tokenizer.ggml.eot_token_id", 298L);
    vocabulary.ids.put("tokenizer.ggml.eom_token_id", 300L); // outside: refused on opening
    vocabulary.types[297] = GgufTokenType.NORMAL.number();
    assertThat(vocabulary.build().endTokenIds()).containsExactly(298, 299);
  }

  @Test
  void otherConvertersTypesDecideWhatIsPlainText() {
    Optional<GgufVocabulary> qwen = Vocabularies.gguf("qwen3");
    assumeTrue(qwen.isPresent(), "needs ../shared/tokenizers");
    GgufVocabularyBuilder vocabulary = new GgufVocabularyBuilder(qwen.get());
    String text = "<|fim_prefix|>def f(<|fim_suffix|>)<|fim_middle|>";
    assertThat(encode(vocabulary, text, true)).startsWith(151659, 750);
    vocabulary.types[151659] = GgufTokenType.CONTROL.number();
    try (Tokenizer tokenizer = vocabulary.open()) {
      assertThat(tokenizer.encode(text, false, true)).startsWith(151659, 750);
      assertThat(tokenizer.encode(text, false, false)).startsWith(27, 91, 69, 318, 13974, 91, 29);
    }
  }

  @Test
  void preTokenizersDifferInDigitsMergesAndComposition() {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    int two = vocabulary.add("12", GgufTokenType.NORMAL);
    vocabulary.merges.add("1 2");
    int four = vocabulary.add("aaaa", GgufTokenType.NORMAL); // no merges lead to it
    String text = "12 aaaa a\u0301";
    Map<String, int[]> starts =
        Map.of(
            "qwen2", new int[] {16, 17, 220},
            "gpt-2", new int[] {two, 220},
            "smaug-bpe", new int[] {two, 220},
            "llama-bpe", new int[] {two, 220});
    starts.forEach((name, ids) -> {
      vocabulary.preTokenizer = Optional.of(name);
      try (Tokenizer tokenizer = vocabulary.open()) {
        assertThat(tokenizer.encode("12 ", false, true)).as(name).isEqualTo(ids);
        assertThat(tokenizer.encode("aaaa", false, true).length == 1)
            .as("%s makes %d of what is a token", name, four)
            .isEqualTo(name.equals("llama-bpe"));
        String back = tokenizer.decode(tokenizer.encode(text, false, true), true);
        assertThat(back).isEqualTo(name.equals("qwen2") ? "12 aaaa \u00e1" : text);
      }
    });
  }

  @ParameterizedTest
  @ValueSource(strings = {"default", "deepseek-v3", "tekken", "", "roberta-bpe", "Qwen2"})
  void otherPreTokenizersAreRefusedByName(String name) {
    GgufVocabularyBuilder vocabulary = GgufVocabularyBuilder.small();
    vocabulary.preTokenizer = Optional.of(name);
    assertThatThrownBy(vocabulary::open)
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("test.gguf: tokenizer.ggml.pre is '" + name + "'");
  }

  private static int[] encode(GgufVocabularyBuilder vocabulary, String text, boolean addSpecial) {
    try (Tokenizer tokenizer = vocabulary.open()) {
      return tokenizer.encode(text, addSpecial, true);
    }
  }
}
