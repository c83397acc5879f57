package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * Reads {@code model.safetensors.index.json}, which says in which file a tensor lies.
 *
 * @param shardOf file name by tensor, in the order of the index
 */
record ShardIndex(Map<String, String> shardOf) {
  private static final long MAX_BYTES = 64 << 20;
  private static final int MOST_SHARDS = 4096;

  /** No separators and no leading dot: a name cannot lead out of its folder. */
  private static final Pattern FILE_NAME =
      Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_.=+-]{0,200}\\.safetensors");

  static ShardIndex read(Path file) {
    try {
      if (!Files.isRegularFile(file) || Files.size(file) > MAX_BYTES) {
        throw damaged(file, "expected a regular file of at most " + MAX_BYTES + " bytes");
      }
      try (InputStream in = Files.newInputStream(file);
          JsonParser parser = JsonText.stream(in)) {
        return new ShardIndex(read(parser, file));
      }
    } catch (JacksonException e) {
      throw JsonText.notJson(file.toString(), e);
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  SortedSet<String> shards() {
    return new TreeSet<>(shardOf.values());
  }

  private static Map<String, String> read(JsonParser parser, Path file) {
    Map<String, String> shardOf = new LinkedHashMap<>();
    boolean found = false;
    expect(parser.nextToken(), JsonToken.START_OBJECT, file);
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      boolean weightMap = parser.currentName().equals("weight_map");
      parser.nextToken();
      if (!weightMap) {
        parser.skipChildren();
      } else if (found) {
        throw damaged(file, "weight_map comes twice");
      } else {
        found = true;
        readWeightMap(parser, file, shardOf);
      }
    }
    if (!found || parser.nextToken() != null) {
      throw damaged(file, "expected one object with a weight_map");
    }
    return shardOf;
  }

  private static void readWeightMap(JsonParser parser, Path file, Map<String, String> shardOf) {
    Map<String, String> names = new HashMap<>(); // one string per file, not one per tensor
    expect(parser.currentToken(), JsonToken.START_OBJECT, file);
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String tensor = parser.currentName();
      expect(parser.nextToken(), JsonToken.VALUE_STRING, file);
      String shard = names.computeIfAbsent(parser.getString(), name -> checkName(name, file));
      if (shardOf.put(tensor, shard) != null) {
        throw damaged(file, "weight_map names " + tensor + " twice");
      }
      if (shardOf.size() > ConfigReader.MOST_TENSORS || names.size() > MOST_SHARDS) {
        throw damaged(
            file,
            "more than " + ConfigReader.MOST_TENSORS + " tensors or " + MOST_SHARDS + " files");
      }
    }
  }

  private static String checkName(String name, Path file) {
    if (!FILE_NAME.matcher(name).matches()) {
      String shown = name.length() > 80 ? name.substring(0, 80) + "..." : name;
      throw damaged(
          file, "\"" + shown + "\" is not the plain name of a safetensors file in this folder");
    }
    return name;
  }

  private static void expect(JsonToken found, JsonToken wanted, Path file) {
    if (found != wanted) {
      throw damaged(
          file, "expected " + JsonText.describe(wanted) + ", found " + JsonText.describe(found));
    }
  }

  private static ModelException damaged(Path file, String what) {
    return new ModelException(file + ": not an index of shards: " + what);
  }
}
