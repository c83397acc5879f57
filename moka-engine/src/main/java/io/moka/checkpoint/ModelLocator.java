package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.hub.CacheReader;
import io.moka.hub.HubCache;
import io.moka.hub.ModelName;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Turns what a user calls a model into its folder, GGUF or packed file: a path, or {@code
 * org/name}, {@code org/name@revision} or {@code org/name:FILE} in the local Hugging Face cache as
 * it lies, where FILE is what {@code moka pull} takes. Nothing is downloaded.
 */
public final class ModelLocator {
  private static final Pattern COMMIT = Pattern.compile("[A-Za-z0-9_-]{1,128}");
  private static final int MAX_REF_BYTES = 4096;
  private static final String AGAIN = "fetch the model again";

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
   * @param model a folder, a GGUF or packed file, or a name in the cache
   * @return a folder, a GGUF or a packed file that exists
   * @throws ModelNotFoundException when there is none; the message says where was looked
   * @throws io.moka.hub.ChoiceException when FILE may mean several
   * @throws ModelException when it is a file of a kind that is not supported
   */
  public Path locate(String model) {
    Optional<Path> path = asPath(model);
    if (path.isPresent() && Files.isDirectory(path.get())) {
      boolean cached =
          !Files.exists(path.get().resolve("config.json"))
              && Files.isDirectory(path.get().resolve("snapshots"));
      return cached ? snapshot(path.get(), Optional.empty(), model, AGAIN) : path.get();
    }
    if (path.isPresent() && Files.exists(path.get())) {
      return readable(path.get(), model);
    }
    Optional<ModelName> parsed = ModelName.parse(model);
    HubCache cache = HubCache.of(environment);
    Optional<Path> repository =
        parsed.map(name -> cache.repository(name.repository())).filter(Files::isDirectory);
    if (repository.isPresent()) {
      return inCache(cache, repository.get(), parsed.get(), model);
    }
    if (path.isPresent() && Files.isSymbolicLink(path.get())) {
      throw new ModelNotFoundException(model + ": is a link that leads " + end(path.get()));
    }
    if (isPath(model)) {
      throw new ModelNotFoundException(
          model + ": there is no such folder or file; moka list names the models of the cache");
    }
    ModelName name =
        parsed.orElseThrow(() ->
            new ModelNotFoundException(
                "\""
                    + model
                    + "\": there is no such folder or file, and it is no name of the form"
                    + " org/name, org/name@revision or org/name:FILE"));
    throw new ModelNotFoundException(
        model
            + ": there is no such folder or file here, and no "
            + cache.repository(name.repository())
            + "; give one, or fetch it first: moka pull "
            + name);
  }

  /** Where a link leads whose end is not there. */
  private static String end(Path link) {
    Set<Path> met = new HashSet<>();
    Path at = link.toAbsolutePath();
    try {
      while (Files.isSymbolicLink(at)) {
        if (!met.add(at)) {
          return "in a circle";
        }
        at = at.toRealPath(LinkOption.NOFOLLOW_LINKS).resolveSibling(Files.readSymbolicLink(at));
      }
      return Files.notExists(at)
          ? "nowhere: there is no " + at
          : "to " + at + ", which cannot be read";
    } catch (IOException e) {
      return "to what cannot be read: " + IoReason.of(e);
    }
  }

  private Path inCache(HubCache cache, Path repository, ModelName name, String model) {
    Path snapshot =
        snapshot(repository, name.revision(), model, "fetch it first: moka pull " + name);
    if (name.file().isEmpty()) {
      return snapshot;
    }
    Path found =
        new CacheReader(cache)
            .file(snapshot, name)
            .filter(Files::exists)
            .orElseThrow(() ->
                new ModelNotFoundException(
                    model
                        + ": no file of "
                        + snapshot
                        + " is called that or has it as a word in its name; fetch it first: moka"
                        + " pull "
                        + name));
    return readable(found, model);
  }

  private static Path readable(Path file, String model) {
    if (GgufParts.isGguf(file) || PackedFormat.isPacked(file)) {
      return file;
    }
    throw new ModelException(
        model
            + ": is a file; give the folder that holds config.json and the weights, a GGUF file"
            + " or a packed one (.moka)");
  }

  /**
   * Whether a user who writes this means a file or folder of this machine, and nothing of a hub.
   */
  private static boolean isPath(String text) {
    String beforeFile = text.split(":", 2)[0];
    String lower = beforeFile.toLowerCase(Locale.ROOT);
    String repository = beforeFile.split("@", 2)[0];
    return text.startsWith(".")
        || text.startsWith("/")
        || lower.endsWith(".gguf")
        || lower.endsWith(".moka")
        || repository.indexOf('/') != repository.lastIndexOf('/');
  }

  /** The snapshot of a revision; where it is not there, {@code remedy} gets it. */
  private Path snapshot(Path repository, Optional<String> revision, String model, String remedy) {
    Path snapshots = repository.resolve("snapshots");
    String wanted = revision.orElse("main");
    Path ref = repository.resolve("refs").resolve(wanted);
    if (Files.isRegularFile(ref)) {
      String commit =
          JsonText.decode(JsonText.readBounded(ref, MAX_REF_BYTES), ref.toString()).strip();
      if (!COMMIT.matcher(commit).matches()) {
        throw new ModelException(ref + ": expected the name of a commit; " + remedy);
      }
      return existing(snapshots.resolve(commit), model, "which " + ref + " names", remedy);
    }
    if (revision.isPresent()) {
      String looked = "neither " + ref + " nor a snapshot of that name exists";
      return existing(
          snapshots.resolve(COMMIT.matcher(wanted).matches() ? wanted : "-"),
          model,
          looked,
          remedy);
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

  private static Path existing(Path snapshot, String model, String detail, String remedy) {
    if (!Files.isDirectory(snapshot)) {
      throw new ModelNotFoundException(
          model + ": there is no " + snapshot + " (" + detail + "); " + remedy);
    }
    return snapshot;
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
      throw new ModelException(parent + ": cannot be read: " + IoReason.of(e), e);
    }
  }
}
