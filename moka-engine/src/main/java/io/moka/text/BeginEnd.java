package io.moka.text;

import java.util.ArrayList;
import java.util.List;
import tools.jackson.databind.JsonNode;

/**
 * Ids that are set before and after a text when special tokens are asked for.
 *
 * @param begin before the text
 * @param end after the text
 */
record BeginEnd(List<Integer> begin, List<Integer> end) {
  private static final int MAX_IDS = 16;

  /**
   * Reads a post-processor.
   *
   * @throws IllegalArgumentException saying what is not supported
   */
  static BeginEnd of(JsonNode processor) {
    List<Integer> begin = new ArrayList<>();
    List<Integer> end = new ArrayList<>();
    if (!processor.isMissingNode() && !processor.isNull()) {
      read(processor, begin, end);
    }
    return new BeginEnd(List.copyOf(begin), List.copyOf(end));
  }

  private static void read(JsonNode processor, List<Integer> begin, List<Integer> end) {
    String type = TokenizerSteps.string(processor, "type");
    switch (type) {
      case "ByteLevel" -> {} // only about offsets
      case "Sequence" -> {
        for (JsonNode inner : processor.path("processors")) {
          read(inner, begin, end);
        }
      }
      case "TemplateProcessing" -> template(processor, begin, end);
      default -> throw new IllegalArgumentException("a step of type " + type);
    }
  }

  private static void template(JsonNode processor, List<Integer> begin, List<Integer> end) {
    List<Integer> side = begin;
    for (JsonNode piece : processor.path("single")) {
      if (piece.has("Sequence")) {
        side = end;
        continue;
      }
      String name = TokenizerSteps.string(piece.path("SpecialToken"), "id");
      JsonNode ids = processor.path("special_tokens").path(name).path("ids");
      if (!ids.isArray() || ids.isEmpty() || side.size() + ids.size() > MAX_IDS) {
        throw new IllegalArgumentException("a template whose token " + name + " has no ids");
      }
      for (JsonNode id : ids) {
        if (!id.isIntegralNumber() || !id.canConvertToInt()) {
          throw new IllegalArgumentException("a template whose token " + name + " has no ids");
        }
        side.add(id.intValue());
      }
    }
  }
}
