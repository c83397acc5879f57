package io.moka.hub;

import io.moka.HubException;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/** Paths of files in a repository: strangers' words, which shall become paths on this disk. */
final class RemotePath {
  private static final int MOST_CHARACTERS = 1024;
  private static final int MOST_PART_BYTES = 200; // leaves room for endings; systems allow 255

  /** What Windows keeps for devices, whatever the ending. */
  private static final Pattern DEVICE =
      Pattern.compile("(?i)(con|prn|aux|nul|conin\\$|conout\\$|com[0-9]|lpt[0-9])(\\..*)?");

  private static final String SPECIAL = "\\:*?\"<>|";

  private RemotePath() {}

  /**
   * Whether git could hold such a path at all: a hub that lists another one is not to be trusted
   * with anything.
   */
  static boolean isPossible(String path) {
    return !path.isEmpty()
        && path.length() <= MOST_CHARACTERS
        && path.chars().noneMatch(Character::isISOControl)
        && Arrays.stream(path.split("/", -1))
            .noneMatch(part -> part.isEmpty() || part.equals(".") || part.equals(".."));
  }

  /**
   * Turns a path into one below a folder.
   *
   * @param folder where the repository's files lie
   * @param path a file's path in the repository
   * @return a path within the folder
   * @throws HubException when it is none that every system could hold
   */
  static Path below(Path folder, String path) {
    List<String> parts = List.of(path.split("/", -1));
    if (!isPossible(path) || !parts.stream().allMatch(RemotePath::isPortable)) {
      throw refused(path);
    }
    try {
      Path file = folder;
      for (String part : parts) {
        file = file.resolve(part);
      }
      return file;
    } catch (InvalidPathException e) {
      throw refused(path); // where the locale knows fewer characters
    }
  }

  private static HubException refused(String path) {
    return new HubException(
        "\""
            + Printable.text(path)
            + "\": the hub's name of a file cannot become a file's name here; it is not fetched");
  }

  /** The path as it stands in a URL. */
  static String encode(String path) {
    return Arrays.stream(path.split("/", -1))
        .map(RemotePath::encodePart)
        .collect(Collectors.joining("/"));
  }

  /** One part of a path in a URL; a slash in it is escaped too. */
  static String encodePart(String part) {
    return URLEncoder.encode(part, StandardCharsets.UTF_8).replace("+", "%20");
  }

  private static boolean isPortable(String part) {
    return part.getBytes(StandardCharsets.UTF_8).length <= MOST_PART_BYTES
        && part.chars().noneMatch(c -> SPECIAL.indexOf(c) >= 0)
        && !part.endsWith(".")
        && !part.endsWith(" ")
        && !DEVICE.matcher(part).matches();
  }
}
