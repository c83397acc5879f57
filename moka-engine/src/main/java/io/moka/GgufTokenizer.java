package io.moka;

import io.moka.checkpoint.GgufMetadata;
import io.moka.text.GgufVocabulary;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads the vocabulary out of a GGUF file's metadata. */
final class GgufTokenizer {
  private static final String PREFIX = "tokenizer.ggml.";
  private static final Set<String> NO_VOCABULARY = Set.of("no_vocab", "none");

  private GgufTokenizer() {}

  /** The vocabulary as the file has it; empty where it says that it has none. */
  static Optional<GgufVocabulary> vocabulary(GgufMetadata metadata) {
    return metadata
        .string(PREFIX + "model")
        .filter(model -> !NO_VOCABULARY.contains(model))
        .map(model -> read(model, metadata));
  }

  private static GgufVocabulary read(String model, GgufMetadata metadata) {
    Map<String, Long> ids = new HashMap<>();
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
