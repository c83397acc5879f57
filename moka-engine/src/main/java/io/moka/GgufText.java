package io.moka;

import io.moka.checkpoint.GgufMetadata;
import io.moka.text.GgufVocabulary;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** Hands the vocabulary in a GGUF file's metadata over to the tokenizer. */
final class GgufText {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final List<String> NO_VOCABULARY = List.of("no_vocab", "none");

  private GgufText() {}

  /** The vocabulary as the file has it, unchecked; empty where the model knows ids alone. */
  static Optional<GgufVocabulary> vocabulary(GgufMetadata metadata) {
    return metadata
        .string(PREFIX + "model")
        .filter(model -> !NO_VOCABULARY.contains(model))
        .map(model -> vocabulary(metadata, model));
  }

  private static GgufVocabulary vocabulary(GgufMetadata metadata, String model) {
    Map<String, Long> ids = new TreeMap<>();
    for (String key : GgufVocabulary.ID_KEYS) {
      metadata.integer(key).ifPresent(id -> ids.put(key, id));
    }
    return new GgufVocabulary(
        model,
        metadata.string(PREFIX + "pre"),
        metadata.strings(PREFIX + "tokens").orElse(List.of()),
        metadata.ints(PREFIX + "token_type").orElse(new int[0]),
        metadata.floats(PREFIX + "scores").orElse(new float[0]),
        metadata.strings(PREFIX + "merges").orElse(List.of()),
        ids,
        metadata.bool(PREFIX + "add_bos_token"),
        metadata.bool(PREFIX + "add_eos_token"),
        metadata.bool(PREFIX + "add_space_prefix"),
        metadata.string("tokenizer.chat_template"),
        metadata.string("tokenizer.chat_template.tool_use"));
  }
}
