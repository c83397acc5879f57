package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.RequestException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TokenizerTest {
  @TempDir Path folder;

  @Test
  void opensTheDemoModel() {
    try (Tokenizer tokenizer = Tokenizer.open(Vocabularies.DEMO)) {
      int[] ids = tokenizer.encode("<|im_start|>user\nA fox.<|im_end|>", true, true);
      assertThat(ids[0]).isEqualTo(1881);
      assertThat(tokenizer.decode(ids, true)).isEqualTo("user\nA fox.");
      assertThat(tokenizer.decode(ids, false)).isEqualTo("<|im_start|>user\nA fox.<|im_end|>");
      assertThat(tokenizer.vocabularySize()).isEqualTo(1889);
      assertThat(tokenizer.idOf("<|im_end|>")).hasValue(1882);
      assertThat(tokenizer.idOf("no such token")).isEmpty();
      assertThat(tokenizer.isSpecial(1882)).isTrue();
      assertThat(tokenizer.isSpecial(1883)).isFalse(); // <think>
      assertThat(tokenizer.isSpecial(-1)).isFalse();
      assertThat(tokenizer.beginToken()).isEmpty();
      assertThat(tokenizer.specialTokens())
          .isEqualTo(Map.of("eos_token", "<|im_end|>", "pad_token", "<|endoftext|>"));
      assertThat(tokenizer.chatTemplate()).get().asString().contains("<|im_start|>assistant");
      assertThat(tokenizer.toolUseTemplate()).isEmpty();
    }
  }

  @Test
  void specialTokensInPlainTextStayText() {
    Tokenizer tokenizer = Vocabularies.open("qwen3");
    int[] ids = tokenizer.encode("<|im_end|>", false, false);
    assertThat(ids).hasSizeGreaterThan(1).doesNotContain(151645);
    assertThat(tokenizer.countTokens("<|im_end|>")).isEqualTo(ids.length);
    assertThat(tokenizer.decode(ids, true)).isEqualTo("<|im_end|>");
    assertThat(tokenizer.countTokens("<think>")).isEqualTo(1); // added, but not special
  }

  @Test
  void nothingIsTruncatedOrPadded() {
    for (String name : List.of("qwen3", "mixtral", "gpt-2", "gpt2-llama3pre")) {
      Tokenizer tokenizer = Vocabularies.open(name);
      String text = "The fox and the crane met by the river, once. ".repeat(2_000);
      int[] ids = tokenizer.encode(text, false, true);
      assertThat(ids).hasSizeGreaterThan(20_000);
      assertThat(tokenizer.decode(ids, false)).isEqualTo(text);
    }
  }

  @Test
  void truncationAndPaddingOfTheFileAreNotApplied() {
    String json =
        document("\"truncation\":{\"max_length\":2,\"strategy\":\"LongestFirst\",\"stride\":9},")
            .replace("\"version\"", "\"padding\":{\"strategy\":{\"Fixed\":100}},\"version\"");
    try (Tokenizer tokenizer = ofJson(json)) {
      assertThat(tokenizer.encode("abababab", true, true)).containsExactly(2, 2, 2, 2);
    }
  }

  @Test
  void bytesOfTokens() {
    Tokenizer mixtral = Vocabularies.open("mixtral");
    assertThat(mixtral.tokenBytes(mixtral.idOf("<0x0A>").getAsInt())).containsExactly('\n');
    assertThat(mixtral.tokenBytes(mixtral.idOf("\u2581a").getAsInt())).containsExactly(' ', 'a');
    assertThat(mixtral.stripsLeadingSpace()).isTrue();
    assertThat(mixtral.beginToken()).hasValue(1);
    Tokenizer gpt2 = Vocabularies.open("gpt-2");
    assertThat(gpt2.tokenBytes(gpt2.idOf("\u0120the").getAsInt())).asString().isEqualTo(" the");
    assertThat(gpt2.tokenBytes(gpt2.vocabularySize())).isEmpty();
    assertThat(gpt2.tokenBytes(-1)).isEmpty();
    assertThat(gpt2.decode(new int[] {-5, Integer.MAX_VALUE, Integer.MIN_VALUE}, true)).isEmpty();
    // each of the 256 bytes is one token of a byte-level vocabulary
    long single =
        IntStream.range(0, gpt2.vocabularySize())
            .filter(id -> gpt2.tokenBytes(id).length == 1)
            .map(id -> gpt2.tokenBytes(id)[0])
            .distinct()
            .count();
    assertThat(single).isEqualTo(256);
  }

  @Test
  void oddTexts() {
    for (String name : List.of("qwen3", "mixtral", "gpt-2")) {
      Tokenizer tokenizer = Vocabularies.open(name);
      assertThat(tokenizer.encode("", false, true)).isEmpty();
      assertThat(tokenizer.encode("", false, false)).isEmpty();
      String text = "a\0b \ud83d\ude00";
      assertThat(tokenizer.decode(tokenizer.encode(text, false, true), false)).isEqualTo(text);
      String broken = "\ud83d\ude00 \ud83d x \ude00\ud83d";
      assertThat(tokenizer.decode(tokenizer.encode(broken, false, false), false))
          .isEqualTo("\ud83d\ude00 \ufffd x \ufffd\ufffd");
    }
  }

  @Test
  void hugeTextsAreEncodedOrRefused() {
    Tokenizer demo = Vocabularies.open("gpt2-llama3pre");
    String prose = "Once upon a time, a fox. ".repeat(400_000); // 10 MB
    assertThat(demo.countTokens(prose)).isGreaterThan(1_000_000);
    for (String unit : List.of(" ", "a", "\n", "!?", "\u6f22")) {
      String run = unit.repeat(10_000_000 / unit.length() / 3);
      assertThatThrownBy(() -> demo.countTokens(run)).as(unit).isInstanceOf(RequestException.class);
    }
    String tooLong = prose + prose;
    assertThatThrownBy(() -> demo.countTokens(tooLong))
        .isInstanceOf(RequestException.class)
        .hasMessageContaining("16777216");
    String longestRun = " ".repeat(SplitExpression.MAX_RUN);
    assertThat(demo.decode(demo.encode(longestRun + "x", false, false), false))
        .isEqualTo(longestRun + "x");
  }

  @Test
  void manyThreadsShareATokenizer() throws Exception {
    try (Tokenizer tokenizer = Tokenizer.open(Vocabularies.DEMO);
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      String text = "Once upon a time there was a fox. <|im_end|> ".repeat(20);
      Callable<List<int[]>> both =
          () -> List.of(tokenizer.encode(text, true, true), tokenizer.encode(text, true, false));
      List<int[]> expected = both.call();
      for (Future<List<int[]>> result : threads.invokeAll(Collections.nCopies(50, both))) {
        assertThat(result.get().get(0)).isEqualTo(expected.get(0));
        assertThat(result.get().get(1)).isEqualTo(expected.get(1));
      }
    }
  }

  @Test
  void closedTokenizersEncodeNoMoreButDecode() {
    Tokenizer tokenizer = Tokenizer.open(Vocabularies.DEMO);
    int[] ids = tokenizer.encode("fox", false, true);
    tokenizer.close();
    tokenizer.close();
    assertThatThrownBy(() -> tokenizer.encode("fox", false, true))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("closed");
    assertThatThrownBy(() -> tokenizer.countTokens("fox"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("closed");
    assertThat(tokenizer.decode(ids, true)).isEqualTo("fox");
  }

  @Test
  void missingFiles() throws Exception {
    assertThatThrownBy(() -> Tokenizer.open(folder.resolve("nowhere")))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("tokenizer.json");
    Files.createDirectory(folder.resolve("tokenizer.json"));
    assertThatThrownBy(() -> Tokenizer.open(folder))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("not a file");
  }

  @Test
  void theConfigurationDecidesAboutTheBeginningToken() {
    String template =
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
            + "{\"SpecialToken\":{\"id\":\"a\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\"}},"
            + "{\"SpecialToken\":{\"id\":\"b\",\"type_id\":0}}],\"special_tokens\":{"
            + "\"a\":{\"id\":\"a\",\"ids\":[0]},\"b\":{\"id\":\"b\",\"ids\":[1]}}},";
    assertThat(ids(document(template), Optional.empty())).containsExactly(0, 2, 1);
    assertThat(ids(document(template), Optional.of(false))).containsExactly(2, 1);
    assertThat(ids(document(""), Optional.of(true))).containsExactly(1, 2);
    assertThat(ids(document(""), Optional.empty())).containsExactly(2);
  }

  private static int[] ids(String json, Optional<Boolean> addBegin) {
    TokenizerConfig config =
        new TokenizerConfig(Map.of("bos_token", "b"), addBegin, Optional.empty(), Optional.empty());
    byte[] utf8 = json.getBytes(StandardCharsets.UTF_8);
    try (Tokenizer tokenizer = Tokenizer.ofJson("test", utf8, config)) {
      assertThat(tokenizer.beginToken()).isNotEqualTo(OptionalInt.empty());
      return tokenizer.encode("ab", true, true);
    }
  }

  @Test
  void addedTokensKeepTheirIdsWhateverTheVocabularyLacks() {
    String added =
        "\"added_tokens\":[{\"id\":9,\"content\":\"<x>\",\"special\":true},"
            + "{\"id\":7,\"content\":\"<y>\",\"special\":false}],";
    try (Tokenizer tokenizer = ofJson(document(added))) {
      assertThat(tokenizer.encode("<x>ab<y>", false, true)).containsExactly(9, 2, 7);
      assertThat(tokenizer.encode("<x>ab<y>", false, false)).containsExactly(2, 7);
      assertThat(tokenizer.vocabularySize()).isEqualTo(10);
      assertThat(tokenizer.tokenBytes(8)).isEmpty();
    }
  }

  private static Tokenizer ofJson(String json) {
    return Tokenizer.ofJson("test", json.getBytes(StandardCharsets.UTF_8), TokenizerConfig.NONE);
  }

  /** A vocabulary of a, b and ab. */
  private static String document(String fields) {
    return "{\"version\":\"1.0\","
        + fields
        + "\"decoder\":{\"type\":\"ByteLevel\"},"
        + "\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}";
  }
}
