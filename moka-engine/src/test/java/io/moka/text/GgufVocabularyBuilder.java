package io.moka.text;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A vocabulary to change one thing of. */
final class GgufVocabularyBuilder {
  String model;
  Optional<String> preTokenizer;
  final List<String> tokens;
  int[] types;
  float[] scores;
  final List<String> merges;
  final Map<String, Long> ids;
  Optional<Boolean> addBegin;
  Optional<Boolean> addEnd;
  Optional<Boolean> addSpacePrefix;
  Optional<String> template;
  Optional<String> toolUseTemplate;

  GgufVocabularyBuilder(GgufVocabulary from) {
    model = from.model();
    preTokenizer = from.preTokenizer();
    tokens = new ArrayList<>(from.tokens());
    types = from.tokenTypes().clone();
    scores = from.scores().clone();
    merges = new ArrayList<>(from.merges());
    ids = new HashMap<>(from.tokenIds());
    addBegin = from.addBegin();
    addEnd = from.addEnd();
    addSpacePrefix = from.addSpacePrefix();
    template = from.chatTemplate();
    toolUseTemplate = from.toolUseTemplate();
  }

  /** Byte-level: 256 bytes, 41 merges, three control tokens. */
  static GgufVocabularyBuilder small() {
    GgufVocabularyBuilder small = new GgufVocabularyBuilder(Vocabularies.gguf("tiny-gpt2").get());
    small.template = Optional.empty();
    return small;
  }

  /** SentencePiece with all bytes. */
  static GgufVocabularyBuilder smallPieces() {
    return new GgufVocabularyBuilder(Vocabularies.gguf("tiny-llama").get());
  }

  /** Adds a token; byte-level vocabularies have no scores. */
  int add(String token, GgufTokenType type) {
    int id = tokens.size();
    tokens.add(token);
    types = Arrays.copyOf(types, id + 1);
    types[id] = type.number();
    if (scores.length > 0) {
      scores = Arrays.copyOf(scores, id + 1);
      scores[id] = -id;
    }
    return id;
  }

  GgufVocabulary build() {
    return new GgufVocabulary(
        model,
        preTokenizer,
        tokens,
        types,
        scores,
        merges,
        ids,
        addBegin,
        addEnd,
        addSpacePrefix,
        template,
        toolUseTemplate);
  }

  Tokenizer open() {
    return Tokenizer.ofGguf("test.gguf", build());
  }
}
