package io.moka.text;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.json.JsonFactory;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Reads a tokenizer's files within limits on size, nesting and the length of names and strings. */
final class DocumentReader {
  /** Also bounds the trees that are built in memory; vocabularies and merges are streamed. */
  static final int MAX_TREE_BYTES = 1 << 20;

  static final JsonMapper MAPPER =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(32)
                          .maxStringLength(MAX_TREE_BYTES)
                          .maxNameLength(1 << 16)
                          .build())
                  .build())
          .build();

  private DocumentReader() {}

  static byte[] bytes(Path file, int maxBytes) {
    if (!Files.exists(file)) {
      throw new ModelNotFoundException(
          "There is no " + file + "; name the folder of a model that has one");
    }
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file + " is not a file");
    }
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(maxBytes + 1);
      if (bytes.length > maxBytes) {
        throw new ModelException(
            file + " has more than " + maxBytes + " bytes, which is too large for what it holds");
      }
      return bytes;
    } catch (IOException e) {
      throw new ModelException(file + " cannot be read: " + IoReason.of(e), e);
    }
  }

  /** A part of a document as a tree. */
  static JsonNode tree(String source, String field, byte[] json, long from, long to) {
    if (to - from > MAX_TREE_BYTES) {
      throw new ModelException(
          source + ": " + field + " has " + (to - from) + " bytes; at most " + MAX_TREE_BYTES);
    }
    return MAPPER.readTree(json, (int) from, (int) (to - from));
  }

  /** Text that can be written as UTF-8 and read back: no unpaired surrogates. */
  static boolean isWellFormed(String text) {
    return text.equals(wellFormed(text));
  }

  /** The text with U+FFFD for each unpaired surrogate. */
  static String wellFormed(String text) {
    StringBuilder copy = null;
    for (int i = 0; i < text.length(); i++) {
      if (!Character.isSurrogate(text.charAt(i))) {
        continue;
      }
      if (Character.isSupplementaryCodePoint(text.codePointAt(i))) {
        i++;
        continue;
      }
      if (copy == null) {
        copy = new StringBuilder(text);
      }
      copy.setCharAt(i, '\uFFFD');
    }
    return copy == null ? text : copy.toString();
  }

  /**
   * What is wrong, without the parser's description of its source, which says nothing to a user.
   */
  static String reason(JacksonException e) {
    return e.getOriginalMessage().split(" \\(start marker at", 2)[0];
  }
}
