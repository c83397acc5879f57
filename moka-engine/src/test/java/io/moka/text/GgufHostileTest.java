package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.MokaException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Vocabularies that no converter wrote end in an error that names the key, never in native code.
 */
class GgufHostileTest {
  private static final int MUTATIONS = 6_000;
  private static final String TEXT =
      "Once upon a time, <|im_start|>caf\u00e9 42 the experts\n\n  \u6f22\u5b57 <s></s>!";

  private static final String[] TEXTS = {
    "",
    "\0",
    "a\0b",
    "\ud800",
    " ",
    "  ",
    "a",
    "\u0120",
    "\u2581",
    "\u2581\u2581",
    "<0x00>",
    "<0xFF>",
    "<unk>",
    "<s>",
    "\u0301",
    "\ud83d\ude42",
    "<|im_end|>",
    "[PAD7]",
    "x".repeat(4096),
    "x".repeat(4097),
    "\u2581".repeat(300),
    "y".repeat(1 << 20)
  };

  private static Arguments of(String key, Consumer<GgufVocabularyBuilder> change) {
    return Arguments.of(key, change);
  }

  static Stream<Arguments> wrongByteLevel() {
    return Stream.of(
        of("tokenizer.ggml.model is 'bert'; supported are gpt2 and llama", v -> v.model = "bert"),
        of("tokenizer.ggml.pre is missing", v -> v.preTokenizer = Optional.empty()),
        of("tokenizer.ggml.tokens has 0 tokens", v -> v.tokens.clear()),
        of(
            "tokenizer.ggml.tokens has 1048577 tokens",
            v -> v.tokens.addAll(Collections.nCopies(1_048_277, "a"))),
        of("tokenizer.ggml.tokens has the token 'a' twice: 64, 70", v -> v.tokens.set(70, "a")),
        of("tokenizer.ggml.tokens has a token 70 with NUL", v -> v.tokens.set(70, "a\0")),
        of("tokenizer.ggml.tokens has a token 70 with", v -> v.tokens.set(70, "\udc00")),
        of(
            "tokenizer.ggml.tokens has a token 70 of 1048576 characters",
            v -> v.tokens.set(70, "x".repeat(1 << 20))),
        of(
            "tokenizer.ggml.token_type has 299 entries for 300 tokens",
            v -> v.types = Arrays.copyOf(v.types, 299)),
        of("tokenizer.ggml.token_type has 0 entries", v -> v.types = new int[0]),
        of("tokenizer.ggml.token_type says 7 of token 5", v -> v.types[5] = 7),
        of("tokenizer.ggml.token_type says -1 of token 5", v -> v.types[5] = -1),
        of("tokenizer.ggml.token_type leaves no token", v -> Arrays.fill(v.types, 3)),
        of("tokenizer.ggml.token_type marks too many", GgufHostileTest::manyShort),
        of("tokenizer.ggml.token_type marks too many", GgufHostileTest::manyLong),
        of("tokenizer.ggml.merges has 0 entries", v -> v.merges.clear()),
        of(
            "tokenizer.ggml.merges has 1048577 entries",
            v -> v.merges.addAll(Collections.nCopies(1_048_536, "a b"))),
        of("tokenizer.ggml.merges has at 3 'ab', which is no pair", v -> v.merges.set(3, "ab")),
        of("tokenizer.ggml.merges has at 3 ' a', which is no pair", v -> v.merges.set(3, " a")),
        of("tokenizer.ggml.merges has at 3 'a ', which names ''", v -> v.merges.set(3, "a ")),
        of("which names 'a b', no token of", v -> v.merges.set(3, "c a b")),
        of("which names 'zz', no token of", v -> v.merges.set(3, "zz a")),
        of("which names 'zq', no token of", v -> v.merges.set(3, "z q")),
        of(
            "tokenizer.ggml.bos_token_id is 300; the vocabulary has 300",
            v -> v.ids.put("tokenizer.ggml.bos_token_id", 300L)),
        of(
            "tokenizer.ggml.padding_token_id is 4294967295",
            v -> v.ids.put("tokenizer.ggml.padding_token_id", 0xFFFF_FFFFL)),
        of("tokenizer.ggml.eos_token_id is -1", v -> v.ids.put("tokenizer.ggml.eos_token_id", -1L)),
        of(
            "tokenizer.ggml.add_bos_token is true, but tokenizer.ggml.bos_token_id names no",
            v -> {
              v.addBegin = Optional.of(true);
              v.ids.clear();
            }),
        of(
            "tokenizer.ggml.add_eos_token is true, but tokenizer.ggml.eos_token_id names no",
            v -> {
              v.addEnd = Optional.of(true);
              v.tokens.set(299, "");
            }),
        of("tokenizer.chat_template has", v -> v.template = Optional.of("x".repeat(1 << 21))),
        of("tokenizer.chat_template has", v -> v.template = Optional.of("\ud800")),
        of("tokenizer.chat_template.tool_use", v -> v.toolUseTemplate = Optional.of("\ud800")));
  }

  private static void manyShort(GgufVocabularyBuilder vocabulary) {
    manyControl(vocabulary, 20_000, 0);
  }

  private static void manyLong(GgufVocabularyBuilder vocabulary) {
    manyControl(vocabulary, 1_000, 2_000);
  }

  private static void manyControl(GgufVocabularyBuilder vocabulary, int count, int length) {
    int from = vocabulary.tokens.size();
    vocabulary.types = Arrays.copyOf(vocabulary.types, from + count);
    for (int i = 0; i < count; i++) {
      vocabulary.tokens.add("<" + i + "x".repeat(length) + ">");
      vocabulary.types[from + i] = GgufTokenType.CONTROL.number();
    }
  }

  @ParameterizedTest
  @MethodSource("wrongByteLevel")
  void wrongByteLevelVocabulariesAreNamed(String what, Consumer<GgufVocabularyBuilder> change) {
    refused(what, change, GgufVocabularyBuilder.small());
  }

  static Stream<Arguments> wrongPieces() {
    return Stream.of(
        of("tokenizer.ggml.scores has 0 entries for 300", v -> v.scores = new float[0]),
        of(
            "tokenizer.ggml.scores has 299 entries for 300",
            v -> v.scores = Arrays.copyOf(v.scores, 299)),
        of("tokenizer.ggml.scores says NaN of token 9", v -> v.scores[9] = Float.NaN),
        of("tokenizer.ggml.token_type says that token 283, 'a', is a byte", v -> v.types[283] = 6),
        of(
            "tokenizer.ggml.unknown_token_id is 300",
            v -> v.ids.put("tokenizer.ggml.unknown_token_id", 300L)),
        of("tokenizer.ggml.tokens can be put together in more than", GgufHostileTest::manyMerges),
        of("tokenizer.ggml.tokens and merges have more than", GgufHostileTest::longMerges),
        of("tokenizer.ggml.tokens has too many long tokens", GgufHostileTest::longTokens),
        of("characters that are no tokens themselves", GgufHostileTest::manyCharacters));
  }

  private static void replace(GgufVocabularyBuilder vocabulary, List<String> tokens) {
    vocabulary.tokens.clear();
    vocabulary.tokens.addAll(tokens);
    vocabulary.types = new int[tokens.size()];
    Arrays.fill(vocabulary.types, GgufTokenType.NORMAL.number());
    vocabulary.scores = new float[tokens.size()];
    vocabulary.ids.clear();
    vocabulary.addBegin = Optional.empty();
  }

  private static List<String> runs(String unit, int longest) {
    List<String> tokens = new ArrayList<>();
    for (int length = 1; length <= longest; length++) {
      tokens.add(unit.repeat(length));
    }
    return tokens;
  }

  /** Each token of n characters is put together in n - 1 ways. */
  private static void manyMerges(GgufVocabularyBuilder vocabulary) {
    List<String> tokens = new ArrayList<>();
    for (char unit = 'a'; unit <= 'z'; unit++) {
      tokens.addAll(runs(Character.toString(unit), 300));
    }
    replace(vocabulary, tokens);
  }

  private static void longMerges(GgufVocabularyBuilder vocabulary) {
    replace(vocabulary, runs("\u2581", 600));
  }

  private static void longTokens(GgufVocabularyBuilder vocabulary) {
    List<String> tokens = new ArrayList<>(List.of("x"));
    for (int i = 0; i < 40; i++) {
      tokens.add("x".repeat(4_000) + (char) ('\u4e00' + i));
    }
    replace(vocabulary, tokens);
  }

  private static void manyCharacters(GgufVocabularyBuilder vocabulary) {
    List<String> tokens = new ArrayList<>(List.of("x"));
    StringBuilder all = new StringBuilder();
    for (int c = 0x10000; c <= 0x10FFFF; c++) {
      all.appendCodePoint(c);
      if (all.length() == 16) {
        tokens.add(all.toString());
        all.setLength(0);
      }
    }
    replace(vocabulary, tokens);
  }

  @ParameterizedTest
  @MethodSource("wrongPieces")
  void wrongSentencePieceVocabulariesAreNamed(String what, Consumer<GgufVocabularyBuilder> change) {
    refused(what, change, GgufVocabularyBuilder.smallPieces());
  }

  private static void refused(
      String what, Consumer<GgufVocabularyBuilder> change, GgufVocabularyBuilder vocabulary) {
    vocabulary.open().close();
    change.accept(vocabulary);
    assertThatThrownBy(vocabulary::open)
        .isInstanceOf(ModelException.class)
        .hasMessageStartingWith("test.gguf: ")
        .hasMessageContaining(what);
  }

  @Test
  void damagedVocabulariesEndInTypedErrors() {
    long seed = 20_260_201L;
    Random random = new Random(seed);
    Map<String, Integer> outcomes = new TreeMap<>();
    for (int i = 0; i < MUTATIONS; i++) {
      GgufVocabularyBuilder vocabulary =
          random.nextBoolean()
              ? GgufVocabularyBuilder.small()
              : GgufVocabularyBuilder.smallPieces();
      for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
        mutate(vocabulary, random);
      }
      String outcome = vocabulary.model + ": ";
      try (Tokenizer tokenizer = vocabulary.open()) {
        for (boolean parseSpecial : List.of(true, false)) {
          int[] ids = tokenizer.encode(TEXT, true, parseSpecial);
          tokenizer.decode(ids, true);
          assertThat(Arrays.stream(ids)).allMatch(id -> id >= 0 && id < vocabulary.tokens.size());
        }
        outcome += "accepted";
      } catch (MokaException e) {
        outcome += e.getClass().getSimpleName();
        assertThat(e).hasMessageContaining("test.gguf: tokenizer.");
      } catch (RuntimeException | Error e) {
        throw new AssertionError("seed " + seed + ", mutation " + i, e);
      }
      outcomes.merge(outcome, 1, Integer::sum);
    }
    System.out.printf("%d damaged GGUF vocabularies, seed %d: %s%n", MUTATIONS, seed, outcomes);
    assertThat(outcomes)
        .containsKeys("gpt2: accepted", "gpt2: ModelException")
        .containsKeys("llama: accepted", "llama: ModelException");
  }

  private static void mutate(GgufVocabularyBuilder vocabulary, Random random) {
    List<String> tokens = vocabulary.tokens;
    int at = random.nextInt(tokens.size());
    switch (random.nextInt(14)) {
      case 0 -> tokens.set(at, text(tokens, random));
      case 1 -> vocabulary.add(text(tokens, random), type(random));
      case 2 -> tokens.remove(at);
      case 3 -> Collections.swap(tokens, at, random.nextInt(tokens.size()));
      case 4, 5 -> type(vocabulary, random.nextInt(10) - 1, at);
      case 6 -> vocabulary.types = Arrays.copyOf(vocabulary.types, random.nextInt(400));
      case 7 -> score(vocabulary, random);
      case 8, 9 -> merge(vocabulary, random);
      case 10 -> vocabulary.ids.put(key(random), random.nextLong(-2, tokens.size() + 2));
      case 11 -> vocabulary.ids.remove(key(random));
      case 12 -> switches(vocabulary, random);
      default -> {
        for (int i = random.nextInt(60); i > 0; i--) {
          vocabulary.add(join(tokens, random), type(random));
        }
      }
    }
    if (tokens.isEmpty()) {
      tokens.add("a");
    }
  }

  private static String text(List<String> tokens, Random random) {
    return switch (random.nextInt(4)) {
      case 0 -> TEXTS[random.nextInt(TEXTS.length)];
      case 1 -> join(tokens, random);
      case 2 -> tokens.get(random.nextInt(tokens.size()));
      default -> Character.toString(random.nextInt(0x300));
    };
  }

  private static String join(List<String> tokens, Random random) {
    String joined =
        tokens.get(random.nextInt(tokens.size())) + tokens.get(random.nextInt(tokens.size()));
    return joined.substring(0, Math.min(joined.length(), 5_000));
  }

  private static GgufTokenType type(Random random) {
    return GgufTokenType.of(1 + random.nextInt(6)).get();
  }

  private static void type(GgufVocabularyBuilder vocabulary, int type, int at) {
    if (at < vocabulary.types.length) {
      vocabulary.types[at] = type;
    }
  }

  private static void score(GgufVocabularyBuilder vocabulary, Random random) {
    float[] values = {0, -0f, 1e30f, Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY};
    if (vocabulary.scores.length > 0) {
      vocabulary.scores[random.nextInt(vocabulary.scores.length)] =
          values[random.nextInt(values.length)];
    }
  }

  private static void merge(GgufVocabularyBuilder vocabulary, Random random) {
    List<String> merges = vocabulary.merges;
    List<String> tokens = vocabulary.tokens;
    String left = tokens.get(random.nextInt(tokens.size()));
    String right = tokens.get(random.nextInt(tokens.size()));
    int at = random.nextInt(merges.size() + 1);
    switch (random.nextInt(5)) {
      case 0 -> merges.add(at, left + " " + right);
      case 1 -> {
        if (left.length() + right.length() < 5_000) {
          vocabulary.add(left + right, type(random));
        }
        merges.add(at, left + " " + right);
      }
      case 2 -> merges.add(at, text(tokens, random));
      case 3 -> merges.subList(at, merges.size()).clear();
      default -> Collections.shuffle(merges, random);
    }
  }

  private static String key(Random random) {
    return GgufVocabulary.ID_KEYS.get(random.nextInt(GgufVocabulary.ID_KEYS.size()));
  }

  private static void switches(GgufVocabularyBuilder vocabulary, Random random) {
    List<String> names = List.of("qwen2", "llama-bpe", "gpt-2", "smaug-bpe", "nothing");
    switch (random.nextInt(5)) {
      case 0 -> vocabulary.addBegin = Optional.of(random.nextBoolean());
      case 1 -> vocabulary.addEnd = Optional.of(random.nextBoolean());
      case 2 -> vocabulary.addSpacePrefix = Optional.of(random.nextBoolean());
      case 3 -> vocabulary.preTokenizer = Optional.of(names.get(random.nextInt(names.size())));
      default ->
          vocabulary.model = vocabulary.model.equals("gpt2") ? "llama" : "gpt2"; // lacks its lists
    }
  }
}
