package io.moka.text;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** A token that is looked for in the text before anything else; names as in tokenizer.json. */
record AddedToken(
    int id,
    String content,
    boolean singleWord,
    boolean lstrip,
    boolean rstrip,
    boolean normalized,
    boolean special) {

  static AddedToken of(JsonNode node) {
    JsonNode id = node.path("id");
    if (!id.isIntegralNumber() || !id.canConvertToInt()) {
      throw new IllegalArgumentException("an added token without 'id'");
    }
    boolean special = TokenizerSteps.flag(node, "special", false);
    return new AddedToken(
        id.intValue(),
        TokenizerSteps.string(node, "content"),
        TokenizerSteps.flag(node, "single_word", false),
        TokenizerSteps.flag(node, "lstrip", false),
        TokenizerSteps.flag(node, "rstrip", false),
        TokenizerSteps.flag(node, "normalized", !special),
        special);
  }

  /** Whether finding the token makes the native library search all text before it. */
  boolean looksBack() {
    return lstrip || singleWord;
  }

  ObjectNode toJson() {
    return DocumentReader.MAPPER
        .createObjectNode()
        .put("id", id)
        .put("content", content)
        .put("single_word", singleWord)
        .put("lstrip", lstrip)
        .put("rstrip", rstrip)
        .put("normalized", normalized)
        .put("special", special);
  }
}
