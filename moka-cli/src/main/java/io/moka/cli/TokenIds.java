package io.moka.cli;

import io.moka.IoReason;
import io.moka.RequestException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.json.JsonFactory;

/** Reads a file that holds a JSON array of token ids. */
final class TokenIds {
  private static final int MAX_IDS = 16 << 20;

  private final Path file;
  private final int vocabSize;
  private int[] ids = new int[1024];
  private int count;

  private TokenIds(Path file, int vocabSize) {
    this.file = file;
    this.vocabSize = vocabSize;
  }

  /**
   * Reads the ids.
   *
   * @param file JSON
   * @param vocabSize every id is below it
   * @return the ids, at least one
   * @throws RequestException when the file is anything else
   */
  static int[] read(Path file, int vocabSize) {
    try (InputStream in = Files.newInputStream(file);
        JsonParser parser = new JsonFactory().createParser(ObjectReadContext.empty(), in)) {
      return new TokenIds(file, vocabSize).read(parser);
    } catch (NoSuchFileException e) {
      throw new RequestException(file + ": there is no such file", e);
    } catch (IOException e) {
      throw new RequestException(file + ": cannot be read: " + IoReason.of(e), e);
    } catch (JacksonException e) {
      throw new RequestException(file + ": is no JSON array of token ids: " + reason(e), e);
    }
  }

  /** Without the parser's description of its source, which says nothing to a user. */
  private static String reason(JacksonException e) {
    return e.getOriginalMessage().split(" \\(start marker at", 2)[0];
  }

  private int[] read(JsonParser parser) {
    if (parser.nextToken() != JsonToken.START_ARRAY) {
      throw new RequestException(file + ": expected a JSON array of token ids, such as [1, 2, 3]");
    }
    JsonToken token = parser.nextToken();
    for (; token != JsonToken.END_ARRAY; token = parser.nextToken()) {
      add(token, parser);
    }
    if (parser.nextToken() != null) {
      throw new RequestException(file + ": there is more after the array of token ids");
    }
    if (count == 0) {
      throw new RequestException(file + ": holds no token ids; at least one is needed");
    }
    return Arrays.copyOf(ids, count);
  }

  private void add(JsonToken token, JsonParser parser) {
    boolean whole =
        token == JsonToken.VALUE_NUMBER_INT && parser.getNumberType() == JsonParser.NumberType.INT;
    int id = whole ? parser.getIntValue() : -1;
    if (id < 0 || id >= vocabSize) {
      throw new RequestException(
          file
              + ": entry "
              + count
              + " is "
              + (token == null ? "missing" : abbreviated(parser.getString()))
              + "; expected a token id from 0 to "
              + (vocabSize - 1)
              + ", the last of this model's vocabulary");
    }
    if (count == MAX_IDS) {
      throw new RequestException(file + ": holds more than " + MAX_IDS + " token ids");
    }
    if (count == ids.length) {
      ids = Arrays.copyOf(ids, 2 * count);
    }
    ids[count++] = id;
  }

  private static String abbreviated(String text) {
    return text.length() <= 40 ? text : text.substring(0, 40) + "...";
  }
}
