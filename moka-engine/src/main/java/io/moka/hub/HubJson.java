package io.moka.hub;

import io.moka.HubException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;
import tools.jackson.core.ObjectReadContext;
import tools.jackson.core.StreamReadConstraints;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.core.TokenStreamFactory;
import tools.jackson.core.json.JsonFactory;

/** The answers of a hub: bounded, read as they come, what nobody asked for skipped. */
final class HubJson {
  /** Of one answer; a model's card and its configuration are in there. */
  static final int MAX_BYTES = 16 << 20;

  /** Of a whole repository. */
  static final int MOST_FILES = 100_000;

  /** Of one file. */
  private static final long MOST_BYTES_OF_A_FILE = 1L << 45;

  private static final JsonFactory FACTORY =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(64)
                  .maxNumberLength(100)
                  .maxNameLength(4096)
                  .maxStringLength(MAX_BYTES)
                  .build())
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .disable(TokenStreamFactory.Feature.CANONICALIZE_PROPERTY_NAMES)
          .build();

  private HubJson() {}

  /** What an answer is read into. */
  private interface Reading<T> {
    T read(JsonParser parser);
  }

  /**
   * Reads what a hub says about a revision.
   *
   * @param json {@code {"sha": commit, "siblings": [{"rfilename": path}]}} among others
   * @param where for messages
   * @return the commit, and the files without sizes
   */
  static Listing revision(byte[] json, String where) {
    return read(json, where, parser -> revision(parser, where));
  }

  /**
   * Reads one page of the list of files.
   *
   * @param json {@code [{"type": "file", "path": path, "size": bytes, "oid": git's hash, "lfs":
   *     {"oid": SHA-256, "size": bytes}}]}
   * @param where for messages
   * @return the files of this page; folders are left out
   */
  static List<RemoteFile> tree(byte[] json, String where) {
    return read(
        json,
        where,
        parser -> {
          expect(parser.nextToken(), JsonToken.START_ARRAY, where);
          List<RemoteFile> files = new ArrayList<>();
          while (parser.nextToken() != JsonToken.END_ARRAY) {
            treeEntry(parser, where).ifPresent(file -> add(files, file, where));
          }
          return files;
        });
  }

  private static Listing revision(JsonParser parser, String where) {
    expect(parser.nextToken(), JsonToken.START_OBJECT, where);
    String commit = "";
    List<RemoteFile> files = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken value = parser.nextToken();
      if (name.equals("sha") && value == JsonToken.VALUE_STRING) {
        commit = parser.getString();
      } else if (name.equals("siblings") && value == JsonToken.START_ARRAY) {
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          sibling(parser, where).ifPresent(file -> add(files, file, where));
        }
      } else {
        parser.skipChildren();
      }
    }
    if (!LocalRepository.isCommit(commit)) {
      throw wrong(where, "\"sha\" is not the name of a commit: \"" + Printable.text(commit) + "\"");
    }
    return new Listing(commit, files);
  }

  private static Optional<RemoteFile> sibling(JsonParser parser, String where) {
    expect(parser.currentToken(), JsonToken.START_OBJECT, where);
    Optional<RemoteFile> file = Optional.empty();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken value = parser.nextToken();
      if (name.equals("rfilename") && value == JsonToken.VALUE_STRING) {
        String path = parser.getString();
        file = Optional.of(new RemoteFile(path, OptionalLong.empty(), Optional.empty()));
      } else {
        parser.skipChildren();
      }
    }
    return file;
  }

  private static Optional<RemoteFile> treeEntry(JsonParser parser, String where) {
    expect(parser.currentToken(), JsonToken.START_OBJECT, where);
    Entry entry = new Entry();
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      JsonToken value = parser.nextToken();
      switch (name) {
        case "type" -> entry.isFile = text(parser, where).equals("file");
        case "path" -> entry.path = text(parser, where);
        case "size" -> entry.size = bytes(parser, where);
        case "oid" -> entry.git = ContentHash.of(text(parser, where));
        case "lfs" -> {
          if (value == JsonToken.START_OBJECT) {
            large(parser, entry, where);
          } else {
            parser.skipChildren();
          }
        }
        default -> parser.skipChildren();
      }
    }
    return entry.isFile
        ? Optional.of(
            new RemoteFile(
                entry.path, OptionalLong.of(entry.size), entry.large.or(() -> entry.git)))
        : Optional.empty();
  }

  /** A line of the list while it is read. */
  private static final class Entry {
    private boolean isFile;
    private String path = "";
    private long size;
    private Optional<ContentHash> git = Optional.empty();
    private Optional<ContentHash> large = Optional.empty();
  }

  private static void large(JsonParser parser, Entry entry, String where) {
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String name = parser.currentName();
      parser.nextToken();
      switch (name) {
        case "oid" -> entry.large = ContentHash.of(text(parser, where));
        case "size" -> entry.size = bytes(parser, where);
        default -> parser.skipChildren();
      }
    }
  }

  private static void add(List<RemoteFile> files, RemoteFile file, String where) {
    if (!RemotePath.isPossible(file.path())) {
      throw wrong(
          where, "it lists \"" + Printable.text(file.path()) + "\", which no repository can hold");
    }
    if (files.size() == MOST_FILES) {
      throw wrong(where, "more than " + MOST_FILES + " files");
    }
    files.add(file);
  }

  private static String text(JsonParser parser, String where) {
    expect(parser.currentToken(), JsonToken.VALUE_STRING, where);
    return parser.getString();
  }

  private static long bytes(JsonParser parser, String where) {
    expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, where);
    boolean fits = parser.getNumberType() != JsonParser.NumberType.BIG_INTEGER;
    long bytes = fits ? parser.getLongValue() : -1;
    if (bytes < 0 || bytes > MOST_BYTES_OF_A_FILE) {
      throw wrong(where, "no size of a file: " + Printable.text(parser.getString()));
    }
    return bytes;
  }

  private static <T> T read(byte[] json, String where, Reading<T> reading) {
    try (JsonParser parser = FACTORY.createParser(ObjectReadContext.empty(), json)) {
      T result = reading.read(parser);
      expect(parser.nextToken(), null, where);
      return result;
    } catch (JacksonException e) {
      String reason = e.getOriginalMessage().split(" \\(start marker at", 2)[0];
      throw new HubException(
          where + ": not the JSON of a hub: " + Printable.text(reason) + "; check HF_ENDPOINT", e);
    }
  }

  private static void expect(JsonToken found, JsonToken wanted, String where) {
    if (found != wanted) {
      throw wrong(where, "expected " + wanted + ", found " + found);
    }
  }

  private static HubException wrong(String where, String what) {
    return new HubException(where + ": not the answer of a hub: " + what + "; check HF_ENDPOINT");
  }
}
