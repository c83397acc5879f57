package io.moka.checkpoint;

import io.moka.ModelException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import tools.jackson.databind.JsonNode;

/**
 * The values of a JSON object by key. What is wrong is collected, so that a user sees all of it at
 * once: a wrong value reads as absent or as the least one allowed until {@link #throwProblems}. A
 * key that holds {@code null} counts as absent.
 */
final class ConfigFields {
  private static final int MOST_REPORTED = 20;
  private static final int LONGEST_VALUE = 60;

  private final JsonNode object;
  private final String prefix;
  private final List<String> problems;

  ConfigFields(JsonNode object) {
    this(object, "", new ArrayList<>());
  }

  private ConfigFields(JsonNode object, String prefix, List<String> problems) {
    this.object = object;
    this.prefix = prefix;
    this.problems = problems;
  }

  /** The object under a key; empty when absent. Its problems are reported with this one's. */
  Optional<ConfigFields> object(String key) {
    Optional<JsonNode> node = node(key);
    if (node.isPresent() && !node.get().isObject()) {
      problem(key, "an object");
      return Optional.empty();
    }
    return node.map(inner -> new ConfigFields(inner, prefix + key + ".", problems));
  }

  List<String> keys() {
    return List.copyOf(object.propertyNames());
  }

  boolean has(String key) {
    return node(key).isPresent();
  }

  Optional<JsonNode> node(String key) {
    return Optional.ofNullable(object.get(key)).filter(node -> !node.isNull());
  }

  int requiredInt(String key, int least, int most) {
    if (!has(key)) {
      add("\"" + prefix + key + "\" is missing");
    }
    return optionalInt(key, least, most).orElse(least);
  }

  OptionalInt optionalInt(String key, int least, int most) {
    Optional<JsonNode> node = node(key);
    if (node.isEmpty()) {
      return OptionalInt.empty();
    }
    if (isInt(node.get(), least, most)) {
      return OptionalInt.of(node.get().intValue());
    }
    problem(key, "a whole number from " + least + " to " + most + ", written without a point");
    return OptionalInt.empty();
  }

  /** One whole number or a list of them. */
  List<Integer> ints(String key, int least, int most) {
    List<Integer> values = new ArrayList<>();
    for (JsonNode node : node(key).map(ConfigFields::elements).orElse(List.of())) {
      if (!isInt(node, least, most)) {
        problem(key, "a whole number from " + least + " to " + most + ", or a list of such");
        return List.of();
      }
      values.add(node.intValue());
    }
    return values;
  }

  OptionalDouble optionalDouble(String key, double least, double most) {
    Optional<JsonNode> node = node(key);
    if (node.isEmpty()) {
      return OptionalDouble.empty();
    }
    if (node.get().isNumber()) {
      double value = node.get().doubleValue();
      if (value >= least && value <= most) {
        return OptionalDouble.of(value);
      }
    }
    problem(key, "a number from " + least + " to " + most);
    return OptionalDouble.empty();
  }

  Optional<Boolean> optionalBoolean(String key) {
    Optional<JsonNode> node = node(key);
    if (node.isPresent() && !node.get().isBoolean()) {
      problem(key, "true or false");
      return Optional.empty();
    }
    return node.map(JsonNode::booleanValue);
  }

  boolean isTrue(String key) {
    return optionalBoolean(key).orElse(false);
  }

  Optional<String> optionalString(String key) {
    Optional<JsonNode> node = node(key);
    if (node.isPresent() && !node.get().isString()) {
      problem(key, "a string");
      return Optional.empty();
    }
    return node.map(JsonNode::stringValue);
  }

  /** Reports the value of a key. */
  void problem(String key, String expected) {
    String value = node(key).map(JsonNode::toString).orElse("nothing");
    if (value.length() > LONGEST_VALUE) {
      value = value.substring(0, LONGEST_VALUE) + "...";
    }
    add("\"" + prefix + key + "\" is " + value + ", expected " + expected);
  }

  void add(String problem) {
    problems.add(problem);
  }

  void throwProblems(String where) {
    if (!problems.isEmpty()) {
      List<String> shown = problems.subList(0, Math.min(problems.size(), MOST_REPORTED));
      String rest =
          problems.size() > shown.size()
              ? "; and " + (problems.size() - shown.size()) + " more"
              : "";
      throw new ModelException(
          where
              + ": this model cannot be run as its configuration asks: "
              + String.join("; ", shown)
              + rest);
    }
  }

  private static boolean isInt(JsonNode node, int least, int most) {
    return node.isIntegralNumber()
        && node.canConvertToInt()
        && node.intValue() >= least
        && node.intValue() <= most;
  }

  private static List<JsonNode> elements(JsonNode node) {
    return node.isArray() ? List.copyOf(node.values()) : List.of(node);
  }
}
