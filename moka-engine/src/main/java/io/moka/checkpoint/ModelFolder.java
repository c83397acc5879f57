package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.hub.HubCache;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/**
 * The files of a model's folder. Links may lead anywhere the user put them, but not in the Hugging
 * Face cache: what lies there came from strangers, and a link of theirs may lead to the blobs of
 * the same model only, or to those that the models of a cache share.
 */
final class ModelFolder {
  private final Path folder;
  private final Optional<Path> cacheRoot; // real path of models--org--name

  private ModelFolder(Path folder, Optional<Path> cacheRoot) {
    this.folder = folder;
    this.cacheRoot = cacheRoot;
  }

  static ModelFolder of(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw new ModelNotFoundException(
          folder + ": there is no such folder; give a model's folder or a GGUF file");
    }
    // by its name too: a link within the cache must not lead out of it unseen
    Optional<Path> named =
        cacheRoot(folder.toAbsolutePath().normalize())
            .filter(Files::isDirectory)
            .map(ModelFolder::realPath);
    return new ModelFolder(folder, named.or(() -> cacheRoot(realPath(folder))));
  }

  Path path() {
    return folder;
  }

  /** A file by its plain name; empty when it is not there. */
  Optional<Path> find(String name) {
    Path file = folder.resolve(name);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    Path real = realPath(file);
    if (cacheRoot.isPresent() && !isOfModel(real, cacheRoot.get())) {
      throw new ModelException(
          file
              + ": a link that leads out of "
              + cacheRoot.get()
              + ", to "
              + real
              + "; fetch the model again");
    }
    return Optional.of(file);
  }

  Path require(String name, String hint) {
    return find(name)
        .orElseThrow(() -> new ModelException(folder + ": there is no " + name + "; " + hint));
  }

  /** Newer versions of huggingface_hub keep the blobs of all models in one place. */
  private static boolean isOfModel(Path real, Path repository) {
    return real.startsWith(repository) || new HubCache(repository.getParent()).shares(real);
  }

  /** The cache lays a model out as models--org--name/snapshots/commit, with folders below that. */
  private static Optional<Path> cacheRoot(Path realFolder) {
    for (Path at = realFolder; at.getParent() != null; at = at.getParent()) {
      Path root = at.getParent().getParent();
      if (at.getParent().endsWith("snapshots")
          && root != null
          && root.getFileName() != null
          && root.getFileName().toString().startsWith("models--")) {
        return Optional.of(root);
      }
    }
    return Optional.empty();
  }

  private static Path realPath(Path path) {
    try {
      return path.toRealPath();
    } catch (IOException e) {
      throw new ModelException(path + ": cannot be read: " + IoReason.of(e), e);
    }
  }
}
