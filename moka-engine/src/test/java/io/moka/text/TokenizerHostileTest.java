package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.MokaException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TokenizerHostileTest {
  private static final int MUTATIONS = 6_000;
  private static final String TEXT =
      "Once upon a time, <|im_start|>caf\u00e9 42\n\n  \u6f22\u5b57!";

  /** What a mutation puts in the place of something else. */
  private static final String[] PIECES = {
    "null",
    "true",
    "-1",
    "0",
    "1e999",
    "4294967296",
    "99999999999999999999",
    "\"\"",
    "{}",
    "[]",
    "\"",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\\u0000",
    "\\ud800",
    "\u2581",
    "(a+)+b",
    "NFKD",
    "Sequence",
    "Regex",
    "Replace",
    "Unigram",
    "*",
    "+",
    "\\\\p{L}",
    "|",
  };

  private static final Pattern SCALAR = Pattern.compile("\"[^\"\\\\]*\"|-?\\d+|true|false|null");

  /** Values for the place of other values. */
  private static final String[] VALUES = {
    "null",
    "true",
    "false",
    "-1",
    "0",
    "1",
    "1881",
    "4294967296",
    "\"\"",
    "{}",
    "[]",
    "\"a\"",
    "\"\\u0000\"",
    "\"Removed\"",
    "\"NFD\"",
    "\"Digits\"",
    "\"Metaspace\"",
    "\".*x\"",
    "\"\\\\p{L}\"",
    "\"a++\"",
    "\"[^a]*b|c{1,9}\"",
  };

  @Test
  void damagedDocumentsEndInTypedErrors() throws IOException {
    byte[] original = Files.readAllBytes(Vocabularies.DEMO.resolve("tokenizer.json"));
    long seed = 20_260_101L;
    Random random = new Random(seed);
    Map<String, Integer> outcomes = new TreeMap<>();
    for (int i = 0; i < MUTATIONS; i++) {
      byte[] mutated = random.nextBoolean() ? mutate(original, random) : swap(original, random);
      String outcome;
      try (Tokenizer tokenizer = Tokenizer.ofJson("mutated", mutated, TokenizerConfig.NONE)) {
        int[] ids = tokenizer.encode(TEXT, true, true);
        tokenizer.decode(ids, true);
        outcome = "accepted";
      } catch (MokaException e) {
        outcome = e.getClass().getSimpleName();
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed + ", mutation " + i, e);
      }
      outcomes.merge(outcome, 1, Integer::sum);
    }
    System.out.printf("%d mutations of tokenizer.json, seed %d: %s%n", MUTATIONS, seed, outcomes);
    assertThat(outcomes).containsKeys("accepted", "ModelException");
  }

  /** Changes one to four places, half of them outside the vocabulary, where the kinds stand. */
  private static byte[] mutate(byte[] original, Random random) {
    byte[] bytes = original;
    for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
      int range = random.nextBoolean() ? Math.min(bytes.length, 3_500) : bytes.length;
      int at = random.nextInt(range);
      int length = Math.min(random.nextInt(8), bytes.length - at);
      byte[] piece =
          switch (random.nextInt(5)) {
            case 0 -> new byte[] {(byte) random.nextInt(256)};
            case 1 -> new byte[0];
            case 2 -> PIECES[random.nextInt(PIECES.length)].getBytes(StandardCharsets.UTF_8);
            case 3 -> slice(bytes, random.nextInt(bytes.length), random.nextInt(200));
            default -> new byte[] {(byte) ('0' + random.nextInt(10))};
          };
      boolean cut = random.nextInt(20) == 0;
      ByteArrayOutputStream out = new ByteArrayOutputStream();
      out.write(bytes, 0, at);
      out.writeBytes(piece);
      if (!cut) {
        out.write(bytes, at + length, bytes.length - at - length);
      }
      bytes = out.toByteArray();
      if (bytes.length == 0) {
        return bytes;
      }
    }
    return bytes;
  }

  /** Puts other values in the place of one to three values: still JSON, with another meaning. */
  private static byte[] swap(byte[] original, Random random) {
    String text = new String(original, StandardCharsets.ISO_8859_1);
    for (int changes = 1 + random.nextInt(3); changes > 0; changes--) {
      Matcher from = scalar(text, random.nextInt(random.nextInt(4) > 0 ? 3_500 : text.length()));
      Matcher other = scalar(text, random.nextInt(text.length()));
      String value = random.nextBoolean() ? other.group() : VALUES[random.nextInt(VALUES.length)];
      text = text.substring(0, from.start()) + value + text.substring(from.end());
    }
    return text.getBytes(StandardCharsets.ISO_8859_1);
  }

  private static Matcher scalar(String text, int from) {
    Matcher matcher = SCALAR.matcher(text);
    if (!matcher.find(from)) {
      assertThat(matcher.find(0)).isTrue();
    }
    return matcher;
  }

  private static byte[] slice(byte[] bytes, int from, int length) {
    return Arrays.copyOfRange(bytes, from, Math.min(bytes.length, from + length));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "\"model\":{\"type\":\"BPE\" # \"model\":{\"type\":\"Unigram\" # Unigram",
        "\"a\":0 # \"a\":1 # twice",
        "\"a\":0 # \"a\":-1 # -1",
        "\"a\":0 # \"a\":1048576 # 1048576",
        "\"a\":0 # \"a\":99999999999 # tokenizer",
        "\"a\":0 # \"a\":\"0\" # no number",
        "\"a\":0 # \"\\ud800\":0 # surrogate",
        "[\"a b\"] # [\"a c\"] # merge",
        "[\"a b\"] # [\"a b c\"] # pair",
        "[\"a b\"] # [[\"a\"]] # pair",
        "[\"a b\"] # [[\"a\",\"b\",\"c\"]] # pair",
        "[\"a b\"] # [7] # pair",
        "[\"a b\"] # {} # merges",
        "\"version\" # \"pre_tokenizer\":{\"type\":\"Nonsense\"},\"version\" # Nonsense",
        "\"version\" # \"pre_tokenizer\":7,\"version\" # type",
        "\"version\" # \"normalizer\":{\"type\":\"Precompiled\"},\"version\" # Precompiled",
        "\"version\" # \"post_processor\":{\"type\":\"BertProcessing\"},\"version\" #"
            + " BertProcessing",
        "\"version\" # \"added_tokens\":[{}],\"version\" # id",
        "\"version\" # \"added_tokens\":[{\"id\":1,\"content\":\"x\"}],\"version\" # twice",
        "\"version\" # \"added_tokens\":[{\"id\":3,\"content\":\"a\"}],\"version\" # two ids",
        "\"version\" # \"added_tokens\":[{\"id\":3,\"content\":\"\"}],\"version\" # without text",
        "\"version\" # \"added_tokens\":7,\"version\" # list",
        "\"type\":\"ByteLevel\" # \"type\":\"CTC\" # CTC",
        "\"type\":\"BPE\" # \"type\":\"BPE\",\"unk_token\":\"zz\" # unk_token",
        "\"type\":\"BPE\" # \"type\":\"BPE\",\"unk_token\":5 # unk_token",
        "\"type\":\"BPE\" # \"type\":\"BPE\",\"continuing_subword_prefix\":\"@@\" # prefix",
        "{\"version\" # [{\"version\" # root",
      })
  void wrongFieldsAreNamed(String what, String instead, String message) {
    String document =
        "{\"version\":\"1.0\",\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\","
            + "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2},\"merges\":[\"a b\"]}}";
    open(document).close();
    assertThat(document).contains(what);
    assertThatThrownBy(() -> open(document.replace(what, instead)))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("test")
        .hasMessageContaining(message);
  }

  @Test
  void expressionsThatWouldKillTheProcessAreRefused() {
    String document =
        "{\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(a|a|aa)+b\"},"
            + "\"behavior\":\"Isolated\",\"invert\":false},\"decoder\":{\"type\":\"ByteLevel\"},"
            + "\"model\":{\"vocab\":{\"a\":0},\"merges\":[]}}";
    assertThatThrownBy(() -> open(document))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("(a|a|aa)+b");
  }

  @Test
  void deepLongAndForeignDocuments() {
    assertThatThrownBy(() -> open("{\"a\":".repeat(100_000))).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> open("[".repeat(1_000_000))).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> open("")).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> open("\0")).isInstanceOf(ModelException.class);
    String name = "x".repeat(100_000);
    assertThatThrownBy(() -> open("{\"model\":{\"vocab\":{\"" + name + "\":0}}}"))
        .isInstanceOf(ModelException.class);
    String normalizer = "[" + "1,".repeat(1_000_000) + "1]";
    assertThatThrownBy(() -> open("{\"normalizer\":" + normalizer + "}"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("normalizer");
    byte[] tooLarge = new byte[TokenizerDocument.MAX_BYTES + 1];
    assertThatThrownBy(() -> Tokenizer.ofJson("test", tooLarge, TokenizerConfig.NONE))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("bytes");
    byte[] utf16 = "{\"model\":{}}".getBytes(StandardCharsets.UTF_16);
    assertThatThrownBy(() -> Tokenizer.ofJson("test", utf16, TokenizerConfig.NONE))
        .isInstanceOf(ModelException.class);
  }

  private static Tokenizer open(String json) {
    return Tokenizer.ofJson("test", json.getBytes(StandardCharsets.UTF_8), TokenizerConfig.NONE);
  }
}
