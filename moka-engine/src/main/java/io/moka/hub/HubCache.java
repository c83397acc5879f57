package io.moka.hub;

import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;

/**
 * Where the Hugging Face cache lies.
 *
 * @param root the folder that holds {@code models--org--name}; it need not exist
 */
public record HubCache(Path root) {
  private static final String PREFIX = "models--";
  private static final Pattern SHARED = Pattern.compile("([0-9a-f]{2})[/\\\\]\\1[0-9a-f]{62}");

  /**
   * Finds the cache as huggingface_hub finds it.
   *
   * @param environment variables, of which {@code HF_HUB_CACHE}, {@code HF_HOME}, {@code
   *     XDG_CACHE_HOME} and {@code HOME} count
   * @return the cache
   * @throws ModelNotFoundException when a variable holds no path
   */
  public static HubCache of(Map<String, String> environment) {
    return new HubCache(
        variable(environment, "HF_HUB_CACHE")
            .map(path -> folder(environment, path))
            .orElseGet(() -> home(environment).resolve("hub")));
  }

  /**
   * The folder of a model.
   *
   * @param repository a checked name
   * @return {@code models--org--name} in the cache; it need not exist
   */
  public Path repository(String repository) {
    return root.resolve(folderName(repository));
  }

  /**
   * Whether a file is one of those that several models share: newer versions of huggingface_hub
   * keep what several repositories have in common once, in {@code blobs} at the top of the cache,
   * and let each repository's blob be a link to it.
   *
   * @param real a file's real path
   * @return whether it lies there
   */
  public boolean shares(Path real) {
    try {
      Path folder = root.toRealPath().resolve("blobs");
      return real.startsWith(folder) && SHARED.matcher(folder.relativize(real) + "").matches();
    } catch (IOException e) {
      return false;
    }
  }

  static String folderName(String repository) {
    return PREFIX + repository.replace("/", "--");
  }

  /** The name of the model in a folder of the cache; empty for a folder of anything else. */
  static Optional<String> repositoryName(Path folder) {
    String name = folder.getFileName().toString();
    return name.startsWith(PREFIX)
        ? Optional.of(name.substring(PREFIX.length()).replace("--", "/"))
            .filter(ModelName::isRepository)
        : Optional.empty();
  }

  /** The folder of everything from Hugging Face, in which the token lies too. */
  static Path home(Map<String, String> environment) {
    return variable(environment, "HF_HOME")
        .map(path -> folder(environment, path))
        .orElseGet(() ->
            folder(environment, variable(environment, "XDG_CACHE_HOME").orElse("~/.cache"))
                .resolve("huggingface"));
  }

  static Path folder(Map<String, String> environment, String path) {
    String home = variable(environment, "HOME").orElseGet(() -> System.getProperty("user.home"));
    boolean inHome = path.equals("~") || path.startsWith("~/");
    String expanded = inHome ? home + path.substring(1) : path;
    try {
      return Path.of(expanded);
    } catch (InvalidPathException e) {
      throw new ModelNotFoundException(
          "\"" + expanded + "\": not a path; check HF_HUB_CACHE and HF_HOME", e);
    }
  }

  static Optional<String> variable(Map<String, String> environment, String name) {
    return Optional.ofNullable(environment.get(name)).filter(Predicate.not(String::isBlank));
  }
}
