package io.moka.checkpoint;

import io.moka.checkpoint.GgufMetadata.Value;
import java.math.BigInteger;
import java.util.List;
import java.util.OptionalLong;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.JsonNodeFactory;
import tools.jackson.databind.node.ObjectNode;

/** Metadata of a GGUF file as fields that collect what is wrong with them. */
final class GgufFields {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final int MAX_TEXT_BYTES = 4096;
  private static final int MAX_ELEMENTS = 4096;

  private GgufFields() {}

  /**
   * An object for each prefix, of the keys behind it.
   *
   * @param prefixes without the dot
   */
  static ConfigFields of(GgufMetadata metadata, List<String> prefixes) {
    ObjectNode root = NODES.objectNode();
    for (String prefix : prefixes) {
      ObjectNode object = root.putObject(prefix);
      OptionalLong layers = layers(metadata, prefix);
      for (String key : metadata.keys()) {
        if (key.startsWith(prefix + ".")) {
          Value value = metadata.find(key).orElseThrow();
          object.set(key.substring(prefix.length() + 1), node(metadata, value, key, layers));
        }
      }
    }
    return new ConfigFields(root);
  }

  private static OptionalLong layers(GgufMetadata metadata, String prefix) {
    String key = prefix + ".block_count";
    return metadata.find(key).filter(value -> value.type().isInteger()).isPresent()
        ? metadata.integer(key)
        : OptionalLong.empty();
  }

  private static JsonNode node(
      GgufMetadata metadata, Value value, String key, OptionalLong layers) {
    GgufCursor cursor = metadata.at(value);
    if (!value.isArray()) {
      return scalar(cursor, value.type(), key);
    }
    if (!value.elementType().hasFixedSize() || value.count() > MAX_ELEMENTS) {
      return NODES.stringNode("an array of " + value.count() + " x " + value.elementType());
    }
    ArrayNode array = NODES.arrayNode();
    boolean alike = true;
    for (long i = 0; i < value.count(); i++) {
      array.add(scalar(cursor, value.elementType(), key));
      alike &= array.get(0).equals(array.get((int) i));
    }
    // a number for each layer stands for the number when it is always the same
    boolean perLayer = layers.isPresent() && value.count() == layers.getAsLong();
    return alike && perLayer && value.count() > 0 ? array.get(0) : array;
  }

  private static JsonNode scalar(GgufCursor cursor, GgufType type, String key) {
    return switch (type) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, INT64 ->
          NODES.numberNode(GgufMetadata.integer(cursor, type, key));
      case UINT64 -> NODES.numberNode(new BigInteger(Long.toUnsignedString(cursor.i64(key))));
      case FLOAT32, FLOAT64 -> NODES.numberNode(GgufMetadata.number(cursor, type, key));
      case BOOL -> NODES.booleanNode(GgufMetadata.bool(cursor, key));
      case STRING -> NODES.stringNode(cursor.text(MAX_TEXT_BYTES, key));
      case ARRAY -> throw new IllegalArgumentException(key);
    };
  }
}
