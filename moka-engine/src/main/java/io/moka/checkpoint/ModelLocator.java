package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Turns what a user calls a model into its folder or GGUF file: a path, or {@code org/name}, {@code
 * org/name@revision} or {@code org/name:FILE.gguf} in the local Hugging Face cache as it lies.
 * Nothing is downloaded.
 */
public final class ModelLocator {
  private static final String NAME_PART = "[A-Za-z0-9_][A-Za-z0-9._-]*";
  private static final Pattern REPOSITORY =
      Pattern.compile(
          "(?<name>"
              + NAME_PART
              + "(/"
              + NAME_PART
              + ")?)(@(?<revision>"
              + NAME_PART
              + "(/"
              + NAME_PART
              + ")*))?(:(?<file>"
              + NAME_PART
              + "(/"
              + NAME_PART
              + ")*\\.[gG][gG][uU][fF]))?");
  private static final Pattern COMMIT = Pattern.compile("[A-Za-z0-9_-]{1,128}");
  private static final int MAX_REF_BYTES = 4096;

  private final Map<String, String> environment;

  /**
   * Creates a locator.
   *
   * @param environment variables, of which {@code HF_HUB_CACHE}, {@code HF_HOME}, {@code
   *     XDG_CACHE_HOME} and {@code HOME} say where the cache lies
   */
  public ModelLocator(Map<String, String> environment) {
    this.environment = Map.copyOf(environment);
  }

  /**
   * Finds a model.
   *
   * @param model a folder, a GGUF file, or a name in the cache
   * @return a folder or a GGUF file that exists
   * @throws ModelNotFoundException when there is none; the message says where was looked
   * @throws ModelException when it is a file of a kind that is not supported
   */
  public Path locate(String model) {
    Optional<Path> path = asPath(model);
    if (path.isPresent() && Files.isDirectory(path.get())) {
      boolean cached =
          !Files.exists(path.get().resolve("config.json"))
              && Files.isDirectory(path.get().resolve("snapshots"));
      return cached ? snapshot(path.get(), Optional.empty(), model) : path.get();
    }
    if (path.isPresent() && Files.exists(path.get())) {
      if (GgufParts.isGguf(model)) {
        return path.get();
      }
      throw new ModelException(
          model
              + ": is a file; give the folder that holds config.json and the weights, or a .gguf"
              + " file");
    }
    Matcher name = REPOSITORY.matcher(model);
    if (!name.matches() || name.group().contains("..")) {
      throw new ModelNotFoundException(
          "\""
              + model
              + "\": there is no such folder or file, and it is no name of the form org/name,"
              + " org/name@revision or org/name:FILE.gguf");
    }
    return cached(name, model);
  }

  private Path cached(Matcher name, String model) {
    Optional<String> file = Optional.ofNullable(name.group("file"));
    String fetch = "hf download " + name.group("name") + file.map(f -> " " + f).orElse("");
    Path repository = cache().resolve("models--" + name.group("name").replace("/", "--"));
    if (!Files.isDirectory(repository)) {
      throw new ModelNotFoundException(
          model
              + ": there is no such folder or file here, and no "
              + repository
              + "; give one, or fetch it first: "
              + fetch);
    }
    Path snapshot = snapshot(repository, Optional.ofNullable(name.group("revision")), model);
    Path found = file.map(snapshot::resolve).orElse(snapshot);
    if (!Files.exists(found)) {
      throw new ModelNotFoundException(
          model + ": there is no " + found + "; fetch it first: " + fetch);
    }
    return found;
  }

  private Path snapshot(Path repository, Optional<String> revision, String model) {
    Path snapshots = repository.resolve("snapshots");
    String wanted = revision.orElse("main");
    Path ref = repository.resolve("refs").resolve(wanted);
    if (Files.isRegularFile(ref)) {
      String commit =
          JsonText.decode(JsonText.readBounded(ref, MAX_REF_BYTES), ref.toString()).strip();
      if (!COMMIT.matcher(commit).matches()) {
        throw new ModelException(ref + ": expected the name of a commit; fetch the model again");
      }
      return existing(snapshots.resolve(commit), model, "which " + ref + " names");
    }
    if (revision.isPresent()) {
      String looked = "neither " + ref + " nor a snapshot of that name exists";
      return existing(
          snapshots.resolve(COMMIT.matcher(wanted).matches() ? wanted : "-"), model, looked);
    }
    List<Path> all = folders(snapshots);
    if (all.size() != 1) {
      throw new ModelNotFoundException(
          model
              + ": "
              + snapshots
              + " holds "
              + all.size()
              + " snapshots and no refs/main chooses one; name it: org/name@revision");
    }
    return all.getFirst();
  }

  private static Path existing(Path snapshot, String model, String detail) {
    if (!Files.isDirectory(snapshot)) {
      throw new ModelNotFoundException(
          model + ": there is no " + snapshot + " (" + detail + "); fetch the model again");
    }
    return snapshot;
  }

  private Path cache() {
    Optional<String> cache = variable("HF_HUB_CACHE");
    if (cache.isPresent()) {
      return folder(cache.get());
    }
    Optional<String> home = variable("HF_HOME");
    if (home.isPresent()) {
      return folder(home.get()).resolve("hub");
    }
    return variable("XDG_CACHE_HOME")
        .map(this::folder)
        .orElseGet(() -> folder("~/.cache"))
        .resolve("huggingface")
        .resolve("hub");
  }

  private Path folder(String path) {
    String home = variable("HOME").orElseGet(() -> System.getProperty("user.home"));
    boolean inHome = path.equals("~") || path.startsWith("~/");
    String expanded = inHome ? home + path.substring(1) : path;
    return asPath(expanded)
        .orElseThrow(() ->
            new ModelNotFoundException(
                "\"" + expanded + "\": not a path; check HF_HUB_CACHE and HF_HOME"));
  }

  private Optional<String> variable(String name) {
    return Optional.ofNullable(environment.get(name)).filter(Predicate.not(String::isBlank));
  }

  private static Optional<Path> asPath(String text) {
    try {
      return text.isBlank() ? Optional.empty() : Optional.of(Path.of(text));
    } catch (InvalidPathException e) {
      return Optional.empty();
    }
  }

  private static List<Path> folders(Path parent) {
    if (!Files.isDirectory(parent)) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(parent)) {
      return children.filter(Files::isDirectory).limit(100).toList();
    } catch (IOException e) {
      throw new ModelException(parent + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
