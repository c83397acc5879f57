package io.moka.text;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What the name of a pre-tokenizer in a GGUF file stands for: names and what follows from them as
 * in llama.cpp (src/llama-vocab.cpp), expressions as in the tokenizer.json that they came from.
 *
 * <p>llama.cpp knows more names. Those of other expressions, those that set tokens between two
 * texts, and those without a name at all are refused: a text split otherwise becomes other ids
 * without anybody noticing.
 *
 * @param expression what texts are split by
 * @param ignoresMerges whether a part that is a token becomes it whatever the merges say
 * @param addsBegin whether texts begin with a token where the file does not say
 * @param nfc whether texts are composed first; llama.cpp never does, Qwen's tokenizer does
 */
record GgufPreTokenizer(String expression, boolean ignoresMerges, boolean addsBegin, boolean nfc) {

  private static final String DIGIT_BY_DIGIT = wordsAndNumbers("\\p{N}");
  private static final String THREE_DIGITS = wordsAndNumbers("\\p{N}{1,3}");

  private static final Map<String, GgufPreTokenizer> BY_NAME = byName();

  static Optional<GgufPreTokenizer> named(String name) {
    return Optional.ofNullable(BY_NAME.get(name));
  }

  private static Map<String, GgufPreTokenizer> byName() {
    Map<String, GgufPreTokenizer> all = new HashMap<>();
    put(
        all,
        new GgufPreTokenizer(DIGIT_BY_DIGIT, false, false, true),
        List.of("qwen2", "deepseek-r1-qwen", "f2llmv2"));
    put(
        all,
        new GgufPreTokenizer(DIGIT_BY_DIGIT, false, false, false),
        List.of("megrez", "kormo", "stablelm2", "hunyuan", "solar-open", "grok-2"));
    put(
        all,
        new GgufPreTokenizer(THREE_DIGITS, true, true, false),
        List.of(
            "llama-bpe",
            "llama3",
            "llama-v3",
            "falcon3",
            "falcon-h1",
            "pixtral",
            "midm-2.0",
            "lfm2",
            "jina-v5-nano"));
    put(
        all,
        new GgufPreTokenizer(THREE_DIGITS, false, false, false),
        List.of("smaug-bpe", "dbrx", "glm4", "chatglm-bpe"));
    put(
        all,
        new GgufPreTokenizer(TokenizerSteps.GPT2, false, false, false),
        List.of(
            "gpt-2",
            "phi-2",
            "jina-es",
            "jina-de",
            "jina-v2-es",
            "jina-v2-de",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "exaone4",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling"));
    return all;
  }

  private static void put(
      Map<String, GgufPreTokenizer> all, GgufPreTokenizer meaning, List<String> names) {
    names.forEach(name -> all.put(name, meaning));
  }

  private static String wordsAndNumbers(String number) {
    return "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|"
        + number
        + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
  }
}
