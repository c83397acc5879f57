package io.moka.checkpoint;

import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/**
 * Reads {@code generation_config.json}; keys other than those of {@link GenerationDefaults} are
 * ignored.
 */
final class GenerationConfigReader {
  private GenerationConfigReader() {}

  static GenerationDefaults read(Path file, int vocabSize) {
    return read(JsonText.readObject(file), vocabSize, file.toString());
  }

  static GenerationDefaults read(JsonNode json, int vocabSize, String where) {
    ConfigFields fields = new ConfigFields(json);
    GenerationDefaults defaults =
        new GenerationDefaults(
            fields.optionalBoolean("do_sample"),
            fields.optionalDouble("temperature", 0, 1e6),
            fields.optionalInt("top_k", 0, Integer.MAX_VALUE),
            fields.optionalDouble("top_p", Double.MIN_VALUE, 1),
            fields.optionalDouble("min_p", 0, 1),
            fields.optionalDouble("repetition_penalty", 1e-6, 1e6),
            fields.ints("eos_token_id", 0, vocabSize - 1));
    fields.throwProblems(where);
    return defaults;
  }
}
