package io.moka.text;

import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The steps around a vocabulary of a GGUF file, as a tokenizer.json has them. The file itself has
 * only names and switches for them.
 *
 * @param normalizer what a text goes through first
 * @param preTokenizer what splits it
 * @param decoder how tokens are bytes
 */
record GgufSteps(JsonNode normalizer, JsonNode preTokenizer, JsonNode decoder) {

  /** A token's characters are bytes; the text is split before it is merged. */
  static GgufSteps byteLevel(GgufPreTokenizer named) {
    ObjectNode split = step("Split").put("behavior", "Isolated");
    split.putObject("pattern").put("Regex", named.expression());
    ObjectNode sequence = step("Sequence");
    sequence.putArray("pretokenizers").add(split).add(step("ByteLevel").put("use_regex", false));
    JsonNode normalizer = named.nfc() ? step("NFC") : DocumentReader.MAPPER.nullNode();
    return new GgufSteps(normalizer, sequence, step("ByteLevel"));
  }

  /**
   * Tokens are text with a sign for the space, or one byte; the text is merged whole.
   *
   * @param spaceFirst whether a space is set before a text, and before each stretch between special
   *     tokens, and taken away again from the decoded text
   */
  static GgufSteps sentencePiece(boolean spaceFirst) {
    ObjectNode normalizer = step("Sequence");
    ArrayNode normalizers = normalizer.putArray("normalizers");
    ObjectNode decoder = step("Sequence");
    ArrayNode decoders = decoder.putArray("decoders");
    if (spaceFirst) {
      normalizers.add(step("Prepend").put("prepend", TokenBytes.SPACE));
    }
    normalizers.add(replace(" ", TokenBytes.SPACE));
    decoders.add(replace(TokenBytes.SPACE, " ")).add(step("ByteFallback")).add(step("Fuse"));
    if (spaceFirst) {
      decoders.add(step("Strip").put("content", " ").put("start", 1).put("stop", 0));
    }
    return new GgufSteps(normalizer, DocumentReader.MAPPER.nullNode(), decoder);
  }

  /** A post-processor that sets tokens around a text. */
  static JsonNode around(OptionalInt begin, OptionalInt end) {
    ObjectNode template = step("TemplateProcessing");
    ArrayNode single = template.putArray("single");
    ObjectNode special = template.putObject("special_tokens");
    begin.ifPresent(id -> add(id, single, special));
    single.addObject().putObject("Sequence").put("id", "A");
    end.ifPresent(id -> add(id, single, special));
    return template;
  }

  private static void add(int id, ArrayNode single, ObjectNode special) {
    String name = Integer.toString(id);
    single.addObject().putObject("SpecialToken").put("id", name);
    special.putObject(name).putArray("ids").add(id);
  }

  private static ObjectNode replace(String what, String with) {
    ObjectNode replace = step("Replace").put("content", with);
    replace.putObject("pattern").put("String", what);
    return replace;
  }

  private static ObjectNode step(String type) {
    return DocumentReader.MAPPER.createObjectNode().put("type", type);
  }
}
