package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.Reader;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * JSON from strangers: bounded in bytes, depth and length of names and numbers, UTF-8 and nothing
 * else, no key twice, nothing after the end.
 */
final class JsonText {
  /** Enough for any configuration, and little enough that its tree fits a small heap. */
  static final int MAX_FILE_BYTES = 2 << 20;

  private static final JsonFactory STREAMING =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(32)
                  .maxNumberLength(100)
                  .maxNameLength(256)
                  .maxStringLength(MAX_FILE_BYTES)
                  .build())
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          // names come from files by the hundred thousand and are never seen again
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .build();

  private static final JsonMapper MAPPER =
      JsonMapper.builder(
              STREAMING.rebuild().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private JsonText() {}

  /** Reads a small file that must hold one JSON object. */
  static JsonNode readObject(Path file) {
    return parseObject(readBounded(file, MAX_FILE_BYTES), file.toString());
  }

  /** Reads bytes that must be one JSON object, at most {@link #MAX_FILE_BYTES} of them. */
  static JsonNode parseObject(byte[] bytes, String where) {
    if (bytes.length > MAX_FILE_BYTES) {
      throw new ModelException(
          where + ": more than " + MAX_FILE_BYTES + " bytes; no real file is so long");
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(decode(bytes, where));
    } catch (JacksonException e) {
      throw notJson(where, e);
    }
    if (!node.isObject()) {
      throw new ModelException(
          where + ": expected a JSON object; the file is damaged, fetch it again");
    }
    return node;
  }

  /**
   * Reads a regular file of at most {@code limit} bytes; pipes and devices could block for ever.
   */
  static byte[] readBounded(Path file, int limit) {
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file + ": expected a regular file");
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(limit + 1);
      if (bytes.length > limit) {
        throw new ModelException(file + ": more than " + limit + " bytes; no real file is so long");
      }
      return bytes;
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  /**
   * Opens a long document. Who reads it looks for keys that come twice: the parser would have to
   * remember every name, those that nobody wants too.
   */
  static JsonParser stream(InputStream in) {
    Reader reader = new InputStreamReader(in, StandardCharsets.UTF_8.newDecoder());
    return STREAMING.createParser(ObjectReadContext.empty(), reader);
  }

  /** Decodes UTF-8; a wrong byte is an error, not a replacement character. */
  static String decode(byte[] bytes, String where) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelException(where + ": not UTF-8; the file is damaged, fetch it again", e);
    }
  }

  /** A token in words; null, the parser's sign for the end, too. */
  static String describe(JsonToken token) {
    return switch (token) {
      case null -> "the end";
      case START_OBJECT -> "an object";
      case START_ARRAY -> "a list";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT -> "a whole number";
      case VALUE_NUMBER_FLOAT -> "a number with a point";
      case VALUE_TRUE, VALUE_FALSE -> "true or false";
      case VALUE_NULL -> "null";
      case END_OBJECT, END_ARRAY, PROPERTY_NAME, VALUE_EMBEDDED_OBJECT, NOT_AVAILABLE ->
          "something else";
    };
  }

  static ModelException notJson(String where, JacksonException cause) {
    // without the parser's description of its source, which says nothing to a user
    String reason = cause.getOriginalMessage().split(" \\(start marker at", 2)[0];
    return new ModelException(where + ": not the JSON that was expected: " + reason, cause);
  }
}
