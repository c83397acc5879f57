package io.moka.text;

import io.moka.ModelException;
import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.JsonNodeFactory;

/**
 * A tokenizer.json, read and checked. Enters: a file from anywhere. Leaves: tables for Java, and a
 * document of the same meaning, made of checked parts only, for the native library ({@link
 * #nativeJson}), which a wrong one could crash.
 *
 * <p>Not taken over: truncation, padding and dropout, which have no place in generation; decoder
 * and post-processor, which are Java's.
 */
final class TokenizerDocument {
  static final int MAX_BYTES = 64 << 20;
  private static final int MAX_ID = (1 << 20) - 1;
  static final int MAX_ADDED = 1 << 14; // the library compares each with each
  private static final int MAX_MERGES = 1 << 20;

  private final String source;
  private final Map<String, Integer> ids = new HashMap<>();
  private final Map<String, JsonNode> trees = new TreeMap<>();
  private final List<AddedToken> added = new ArrayList<>();
  private final TokenizerSteps steps = new TokenizerSteps();

  /** Special tokens that the model's own vocabulary does not have. */
  private final BitSet outerSpecial = new BitSet();

  private String[] tokens = new String[0];
  private int[] merges = new int[0]; // pairs of ids, best first
  private long mergesFrom = -1;
  private long mergesTo;

  private TokenizerDocument(String source) {
    this.source = source;
  }

  /**
   * Reads a document.
   *
   * @param source what to call it in messages
   * @param json UTF-8
   * @throws ModelException where it is damaged, too large, or of a kind that is not supported
   */
  static TokenizerDocument read(String source, byte[] json) {
    if (json.length > MAX_BYTES) {
      throw new ModelException(source + " has more than " + MAX_BYTES + " bytes");
    }
    TokenizerDocument document = new TokenizerDocument(source);
    try (JsonParser parser = DocumentReader.MAPPER.createParser(json)) {
      document.readRoot(parser, json);
      document.check(json);
    } catch (JacksonException e) {
      throw new ModelException(
          source + " is not JSON within the limits of a tokenizer: " + DocumentReader.reason(e), e);
    } catch (IllegalArgumentException e) {
      throw new ModelException(source + " is not supported: it has " + e.getMessage(), e);
    }
    return document;
  }

  private void readRoot(JsonParser parser, byte[] json) {
    expect(parser.nextToken() == JsonToken.START_OBJECT, "no object at its root");
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "model" -> readModel(parser, json);
        case "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder" ->
            keepTree(field, parser, json);
        default -> parser.skipChildren();
      }
    }
    expect(parser.nextToken() == null, "something after its end");
  }

  private void readModel(JsonParser parser, byte[] json) {
    expect(parser.currentToken() == JsonToken.START_OBJECT, "no object 'model'");
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String field = parser.currentName();
      parser.nextToken();
      switch (field) {
        case "vocab" -> readVocabulary(parser);
        case "merges" -> {
          mergesFrom = offset(parser, 0);
          parser.skipChildren();
          mergesTo = offset(parser, 1);
        }
        default -> keepTree("model." + field, parser, json);
      }
    }
  }

  /** Where the current token of one byte, a bracket, begins ({@code add} 0) or ends (1). */
  private long offset(JsonParser parser, int add) {
    long offset = parser.currentTokenLocation().getByteOffset();
    expect(offset >= 0, "another encoding than UTF-8");
    return offset + add;
  }

  private void keepTree(String field, JsonParser parser, byte[] json) {
    JsonNodeFactory nodes = DocumentReader.MAPPER.getNodeFactory();
    switch (parser.currentToken()) {
      case START_OBJECT, START_ARRAY -> {
        long from = offset(parser, 0);
        parser.skipChildren();
        trees.put(field, DocumentReader.tree(source, field, json, from, offset(parser, 1)));
      }
      case VALUE_STRING -> trees.put(field, nodes.stringNode(parser.getString()));
      case VALUE_TRUE, VALUE_FALSE ->
          trees.put(field, nodes.booleanNode(parser.currentToken() == JsonToken.VALUE_TRUE));
      case VALUE_NULL -> trees.put(field, nodes.nullNode());
      default -> trees.put(field, nodes.numberNode(0)); // only its kind matters: wrong
    }
  }

  private void readVocabulary(JsonParser parser) {
    expect(parser.currentToken() == JsonToken.START_OBJECT, "a 'vocab' that is no object");
    while (parser.nextToken() == JsonToken.PROPERTY_NAME) {
      String token = parser.currentName();
      expect(parser.nextToken() == JsonToken.VALUE_NUMBER_INT, "a token whose id is no number");
      expect(DocumentReader.isWellFormed(token), "a token that is no text");
      put(token, parser.getIntValue());
    }
  }

  private void put(String token, int id) {
    if (id < 0 || id > MAX_ID) {
      throw new IllegalArgumentException("the id " + id + ", which is not within 0.." + MAX_ID);
    }
    if (id >= tokens.length) {
      tokens = Arrays.copyOf(tokens, Math.min(MAX_ID + 1, Math.max(id + 1, tokens.length * 2)));
    }
    if (tokens[id] != null || ids.put(token, id) != null) {
      throw new IllegalArgumentException("the token " + token + " or its id " + id + " twice");
    }
    tokens[id] = token;
  }

  private void check(byte[] json) {
    String type = tree("model.type").asString("BPE"); // older files do not say it
    expect(type.equals("BPE"), "a model of type " + type + "; only BPE is");
    expect(!ids.isEmpty() && mergesFrom >= 0, "no 'vocab' or no 'merges'");
    for (String affix : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      expect(tree("model." + affix).asString("").isEmpty(), "a " + affix);
    }
    JsonNode unknownField = tree("model.unk_token");
    expect(
        unknownField.isString() || unknownField.isNull() || unknownField.isMissingNode(),
        "an unk_token that is no text");
    String unknown = unknownToken();
    expect(unknown.isEmpty() || ids.containsKey(unknown), "an unk_token outside its vocabulary");
    readMerges(json);
    readAdded();
    tokens = Arrays.copyOf(tokens, ids.values().stream().mapToInt(id -> id + 1).max().orElse(0));
    trees.put("normalizer", steps.normalizer(tree("normalizer")));
    trees.put("pre_tokenizer", steps.preTokenizer(tree("pre_tokenizer")));
    BeginEnd ends = beginEnd();
    expect(
        ends.begin().stream().allMatch(this::isToken)
            && ends.end().stream().allMatch(this::isToken),
        "a post-processor that adds ids outside the vocabulary");
    tokenBytes();
  }

  private boolean isToken(int id) {
    return id >= 0 && id < tokens.length && tokens[id] != null;
  }

  /** Merges are {@code "left right"} or {@code ["left", "right"]}. */
  private void readMerges(byte[] json) {
    int[] pairs = new int[1 << 12];
    int count = 0;
    try (JsonParser parser =
        DocumentReader.MAPPER.createParser(json, (int) mergesFrom, (int) (mergesTo - mergesFrom))) {
      expect(parser.nextToken() == JsonToken.START_ARRAY, "'merges' that are no list");
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        expect(count < MAX_MERGES, "more than " + MAX_MERGES + " merges");
        String[] pair = pair(parser);
        Integer left = ids.get(pair[0]);
        Integer right = ids.get(pair[1]);
        if (left == null || right == null || !ids.containsKey(pair[0] + pair[1])) {
          throw new IllegalArgumentException(
              "the merge " + pair[0] + " " + pair[1] + " outside its vocabulary");
        }
        if (2 * count == pairs.length) {
          pairs = Arrays.copyOf(pairs, 2 * pairs.length);
        }
        pairs[2 * count] = left;
        pairs[2 * count++ + 1] = right;
      }
    }
    merges = Arrays.copyOf(pairs, 2 * count);
  }

  private String[] pair(JsonParser parser) {
    if (parser.currentToken() == JsonToken.VALUE_STRING) {
      String[] pair = parser.getString().split(" ", -1);
      expect(pair.length == 2, "a merge that is no pair");
      return pair;
    }
    expect(parser.currentToken() == JsonToken.START_ARRAY, "a merge that is no pair");
    String[] pair = new String[2];
    for (int i = 0; i < 2; i++) {
      expect(parser.nextToken() == JsonToken.VALUE_STRING, "a merge that is no pair");
      pair[i] = parser.getString();
    }
    expect(parser.nextToken() == JsonToken.END_ARRAY, "a merge that is no pair");
    return pair;
  }

  private void readAdded() {
    JsonNode list = tree("added_tokens");
    expect(list.isArray() || list.isMissingNode() || list.isNull(), "'added_tokens' not a list");
    expect(list.size() <= MAX_ADDED, "more than " + MAX_ADDED + " added tokens");
    for (JsonNode node : list) {
      AddedToken token = AddedToken.of(node);
      expect(!token.content().isEmpty(), "an added token without text");
      Integer known = ids.get(token.content());
      if (known == null) {
        put(token.content(), token.id());
        outerSpecial.set(token.id(), token.special());
      } else {
        expect(known == token.id(), "the added token " + token.content() + " with two ids");
      }
      added.add(token);
    }
    expect(
        added.stream().map(AddedToken::content).distinct().count() == added.size(),
        "the same added token twice");
  }

  private JsonNode tree(String field) {
    JsonNode tree = trees.get(field);
    return tree == null ? DocumentReader.MAPPER.missingNode() : tree;
  }

  private String unknownToken() {
    return tree("model.unk_token").asString("");
  }

  /** Tokens by id; null where an id has none. */
  String[] tokens() {
    return tokens.clone();
  }

  Map<String, Integer> ids() {
    return ids;
  }

  List<AddedToken> added() {
    return List.copyOf(added);
  }

  TokenBytes tokenBytes() {
    return TokenBytes.of(tree("decoder"));
  }

  BeginEnd beginEnd() {
    return BeginEnd.of(tree("post_processor"));
  }

  List<SplitExpression> expressions() {
    return steps.expressions();
  }

  /**
   * The document for the native library, UTF-8.
   *
   * @param withSpecial whether special tokens are found in texts
   */
  byte[] nativeJson(boolean withSpecial) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(32 * tokens.length + 16 * merges.length);
    try (JsonGenerator json = DocumentReader.MAPPER.createGenerator(out)) {
      json.writeStartObject();
      json.writeStringProperty("version", "1.0");
      json.writeArrayPropertyStart("added_tokens");
      for (AddedToken token : added) {
        if (withSpecial || !token.special()) {
          DocumentReader.MAPPER.writeTree(json, token.toJson());
        }
      }
      json.writeEndArray();
      for (String field : List.of("normalizer", "pre_tokenizer")) {
        json.writeName(field);
        DocumentReader.MAPPER.writeTree(json, tree(field));
      }
      json.writeObjectPropertyStart("model");
      writeModel(json, withSpecial);
      json.writeEndObject();
      json.writeEndObject();
    }
    return out.toByteArray();
  }

  private void writeModel(JsonGenerator json, boolean withSpecial) {
    json.writeStringProperty("type", "BPE");
    if (!unknownToken().isEmpty()) {
      json.writeStringProperty("unk_token", unknownToken());
    }
    for (String flag : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      json.writeBooleanProperty(flag, tree("model." + flag).booleanValue(false));
    }
    json.writeObjectPropertyStart("vocab");
    for (int id = 0; id < tokens.length; id++) {
      if (tokens[id] != null && (withSpecial || !outerSpecial.get(id))) {
        json.writeNumberProperty(tokens[id], id);
      }
    }
    json.writeEndObject();
    json.writeArrayPropertyStart("merges");
    for (int i = 0; i < merges.length; i += 2) {
      json.writeStartArray();
      json.writeString(tokens[merges[i]]);
      json.writeString(tokens[merges[i + 1]]);
      json.writeEndArray();
    }
    json.writeEndArray();
  }

  private static void expect(boolean holds, String otherwise) {
    if (!holds) {
      throw new IllegalArgumentException(otherwise);
    }
  }
}
