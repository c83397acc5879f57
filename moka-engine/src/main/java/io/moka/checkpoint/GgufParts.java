package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The files of one GGUF model: a single one, or the parts {@code NAME-00001-of-0000N.gguf} to N, of
 * which the first holds the metadata.
 */
final class GgufParts {
  private static final Pattern PART =
      Pattern.compile(
          "(?<name>.*)-(?<part>[0-9]{5})-of-(?<count>[0-9]{5})(?<suffix>\\.gguf)",
          Pattern.CASE_INSENSITIVE | Pattern.DOTALL);
  private static final byte[] MAGIC = "GGUF".getBytes(StandardCharsets.US_ASCII);
  private static final String NUMBER = "split.no";
  private static final String COUNT = "split.count";
  private static final String TENSORS = "split.tensors.count";
  private static final int MOST_PARTS = 4096;
  private static final int MOST_FILES = 10_000;
  private static final int MOST_NAMED = 10;

  private GgufParts() {}

  /** Whether a file is a GGUF file: by its first bytes, or, damaged ones too, by its ending. */
  static boolean isGguf(Path file) {
    return isGguf(file.toString()) || beginsAsGguf(file);
  }

  static boolean beginsAsGguf(Path file) {
    return FirstBytes.are(file, MAGIC);
  }

  private static boolean isGguf(String name) {
    return name.toLowerCase(Locale.ROOT).endsWith(".gguf");
  }

  /**
   * The one GGUF model of a folder; empty where safetensors lie there, which come first, or no GGUF
   * file.
   */
  static Optional<Path> onlyModel(Path folder) {
    if (!Files.isDirectory(folder) || TensorMatcher.isIn(folder)) {
      return Optional.empty();
    }
    List<String> models = models(folder);
    if (models.size() > 1) {
      throw new ModelException(
          "%s: holds %d GGUF models; name one of them: %s%s"
              .formatted(
                  folder,
                  models.size(),
                  String.join(", ", models.subList(0, Math.min(models.size(), MOST_NAMED))),
                  models.size() > MOST_NAMED ? ", ..." : ""));
    }
    return models.stream().map(folder::resolve).findFirst();
  }

  /** By file names, split models by their first part that is there. */
  private static List<String> models(Path folder) {
    try (Stream<Path> files = Files.list(folder)) {
      Map<String, String> models = new TreeMap<>();
      files
          .map(file -> file.getFileName().toString())
          .filter(name -> isGguf(name) && !Files.isDirectory(folder.resolve(name)))
          .limit(MOST_FILES)
          .sorted()
          .forEach(name -> models.putIfAbsent(modelName(name), name));
      return List.copyOf(models.values());
    } catch (IOException e) {
      throw new ModelException(folder + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  private static String modelName(String file) {
    Matcher part = PART.matcher(file);
    return part.matches() ? part.group("name") + "/" + part.group("count") : file;
  }

  /**
   * Opens all parts.
   *
   * @param file the model, or any part of it
   * @param arena who owns the mappings
   * @return the parts in order; the first has the metadata
   */
  static List<GgufFile> open(Path file, Arena arena) {
    ModelFolder folder =
        ModelFolder.of(Optional.ofNullable(file.getParent()).orElseGet(() -> Path.of("")));
    String given = file.getFileName().toString();
    Matcher name = PART.matcher(given);
    if (!name.matches()) {
      GgufFile single = GgufFile.open(require(folder, given), arena);
      OptionalLong count = single.metadata().integer(COUNT);
      if (count.orElse(1) > 1) {
        throw new ModelException(
            "%s: %s says that this is one of %d parts; give them their names back, %s"
                .formatted(file, COUNT, count.getAsLong(), "NAME-00001-of-0000N.gguf"));
      }
      return List.of(single);
    }
    int count = Integer.parseInt(name.group("count"));
    int number = Integer.parseInt(name.group("part"));
    if (count < 1 || count > MOST_PARTS || number < 1 || number > count) {
      throw new ModelException(
          "%s: the name says part %d of %d, of at most %d"
              .formatted(file, number, count, MOST_PARTS));
    }
    return open(folder, name, count, arena);
  }

  private static List<GgufFile> open(ModelFolder folder, Matcher name, int count, Arena arena) {
    TensorProblems missing = new TensorProblems(folder.path() + ": the model is not whole");
    List<Path> paths = new ArrayList<>();
    for (int i = 1; i <= count; i++) {
      String part =
          "%s-%05d-of-%05d%s".formatted(name.group("name"), i, count, name.group("suffix"));
      folder.find(part).ifPresentOrElse(paths::add, () -> missing.add("missing parts", part));
    }
    missing.throwIfAny();
    List<GgufFile> parts = new ArrayList<>();
    long tensors = 0;
    for (Path path : paths) {
      GgufFile part = GgufFile.open(path, arena);
      checkPart(part, parts.size(), count);
      parts.add(part);
      tensors += part.names().size();
    }
    for (GgufFile part : parts) {
      OptionalLong claimed = part.metadata().integer(TENSORS);
      if (claimed.orElse(tensors) != tensors || tensors > ConfigReader.MOST_TENSORS) {
        throw new ModelException(
            "%s: %s is %d, and the parts hold %d tensors; fetch the model again"
                .formatted(part.path(), TENSORS, claimed.orElse(tensors), tensors));
      }
    }
    return parts;
  }

  private static void checkPart(GgufFile part, int index, int count) {
    // what is not split need not say so
    long claimedCount = part.metadata().integer(COUNT).orElse(count == 1 ? 1 : 0);
    long claimedNumber = part.metadata().integer(NUMBER).orElse(count == 1 ? 0 : -1);
    if (claimedCount != count || claimedNumber != index) {
      throw new ModelException(
          "%s: %s is %s and %s is %s, expected %d and %d by its name; fetch the model again"
              .formatted(
                  part.path(),
                  NUMBER,
                  claimedNumber < 0 ? "missing" : claimedNumber,
                  COUNT,
                  claimedCount == 0 ? "missing" : claimedCount,
                  index,
                  count));
    }
  }

  private static Path require(ModelFolder folder, String name) {
    return folder
        .find(name)
        .orElseThrow(() ->
            new ModelNotFoundException(folder.path().resolve(name) + ": there is no such file"));
  }
}
