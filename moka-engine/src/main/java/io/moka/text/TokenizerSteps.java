package io.moka.text;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The steps before the vocabulary: normalizer and pre-tokenizer of a tokenizer.json.
 *
 * <p>Each step is checked and written anew, so that native code sees only kinds and fields that are
 * known here. A step that could make a text grow without bound, or take unbounded time, is refused.
 */
final class TokenizerSteps {
  private static final int MAX_STEPS = 16;
  private static final int MAX_NESTING = 4;

  /** What {@code ByteLevel} with {@code use_regex} splits by (GPT-2). */
  static final String GPT2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  private static final Set<String> BEHAVIORS =
      Set.of("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous");

  private final List<SplitExpression> expressions = new ArrayList<>();
  private int steps;

  /** The expressions that texts will be matched against. */
  List<SplitExpression> expressions() {
    return List.copyOf(expressions);
  }

  /**
   * Checks a normalizer.
   *
   * @return the same in its canonical form
   * @throws IllegalArgumentException saying what is not supported
   */
  JsonNode normalizer(JsonNode node) {
    return step(node, 0, "normalizers");
  }

  /**
   * Checks a pre-tokenizer.
   *
   * @return the same in its canonical form
   * @throws IllegalArgumentException saying what is not supported
   */
  JsonNode preTokenizer(JsonNode node) {
    return step(node, 0, "pretokenizers");
  }

  private JsonNode step(JsonNode node, int nesting, String listName) {
    if (node.isNull() || node.isMissingNode()) {
      return node.isNull() ? node : DocumentReader.MAPPER.nullNode();
    }
    if (nesting > MAX_NESTING || ++steps > MAX_STEPS) {
      throw new IllegalArgumentException("more than " + MAX_STEPS + " steps, or nested too deep");
    }
    String type = string(node, "type");
    ObjectNode step = DocumentReader.MAPPER.createObjectNode().put("type", type);
    if (type.equals("Sequence")) {
      ArrayNode list = step.putArray(listName);
      for (JsonNode inner : node.path(listName)) {
        list.add(step(inner, nesting + 1, listName));
      }
      return step;
    }
    return listName.equals("normalizers")
        ? normalizerStep(type, node, step)
        : preTokenizerStep(type, node, step);
  }

  private static ObjectNode normalizerStep(String type, JsonNode node, ObjectNode step) {
    switch (type) {
      case "NFC" -> {}
      case "Prepend" -> step.put("prepend", bounded(string(node, "prepend"), 8));
      case "Replace" -> {
        String pattern = string(node.path("pattern"), "String");
        if (pattern.isEmpty()) {
          throw new IllegalArgumentException("Replace of nothing");
        }
        step.putObject("pattern").put("String", pattern);
        step.put("content", bounded(string(node, "content"), pattern.length()));
      }
      default -> throw new IllegalArgumentException("a step of type " + type);
    }
    return step;
  }

  private ObjectNode preTokenizerStep(String type, JsonNode node, ObjectNode step) {
    switch (type) {
      case "Split" -> {
        split(node.path("pattern"), step.putObject("pattern"));
        step.put("behavior", behavior(string(node, "behavior")));
        step.put("invert", flag(node, "invert", false));
      }
      case "ByteLevel" -> {
        boolean useRegex = flag(node, "use_regex", true);
        step.put("add_prefix_space", flag(node, "add_prefix_space", false));
        step.put("trim_offsets", false);
        step.put("use_regex", useRegex);
        if (useRegex) {
          expressions.add(SplitExpression.of(GPT2));
        }
      }
      case "Digits" -> step.put("individual_digits", flag(node, "individual_digits", false));
      case "Punctuation" ->
          step.put(
              "behavior", behavior(node.has("behavior") ? string(node, "behavior") : "Isolated"));
      case "Metaspace" -> {
        String scheme =
            node.has("prepend_scheme")
                ? string(node, "prepend_scheme")
                : flag(node, "add_prefix_space", true) ? "always" : "never";
        if (!Set.of("always", "first", "never").contains(scheme)) {
          throw new IllegalArgumentException("prepend_scheme " + scheme);
        }
        if (!string(node, "replacement").equals(TokenBytes.SPACE)) {
          throw new IllegalArgumentException(
              "Metaspace with another sign than " + TokenBytes.SPACE);
        }
        step.put("replacement", TokenBytes.SPACE);
        step.put("prepend_scheme", scheme);
        step.put("split", flag(node, "split", true));
      }
      default -> throw new IllegalArgumentException("a step of type " + type);
    }
    return step;
  }

  private void split(JsonNode pattern, ObjectNode step) {
    if (pattern.has("Regex")) {
      String expression = string(pattern, "Regex");
      expressions.add(SplitExpression.of(expression));
      step.put("Regex", expression);
    } else {
      String literal = string(pattern, "String");
      if (literal.isEmpty()) {
        throw new IllegalArgumentException("a Split at nothing");
      }
      step.put("String", literal);
    }
  }

  private static String behavior(String name) {
    if (!BEHAVIORS.contains(name)) {
      throw new IllegalArgumentException("behavior " + name);
    }
    return name;
  }

  private static String bounded(String text, int maxLength) {
    if (text.length() > maxLength) {
      throw new IllegalArgumentException("a step that makes texts grow");
    }
    return text;
  }

  static String string(JsonNode node, String field) {
    JsonNode value = node.path(field);
    if (!value.isString() || !DocumentReader.isWellFormed(value.stringValue())) {
      throw new IllegalArgumentException("a step without the text '" + field + "'");
    }
    return value.stringValue();
  }

  static boolean flag(JsonNode node, String field, boolean otherwise) {
    JsonNode value = node.path(field);
    if (value.isMissingNode() || value.isNull()) {
      return otherwise;
    }
    if (!value.isBoolean()) {
      throw new IllegalArgumentException("a step whose '" + field + "' is not true or false");
    }
    return value.booleanValue();
  }
}
