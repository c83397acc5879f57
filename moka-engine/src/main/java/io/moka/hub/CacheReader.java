package io.moka.hub;

import io.moka.HubException;
import io.moka.IoReason;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/** Reads what the cache holds; changes nothing. Links that lead out of it are not followed. */
public final class CacheReader {
  private static final int MAX_REF_BYTES = 4096;

  private final HubCache cache;

  /**
   * Creates a reader.
   *
   * @param cache which cache; it need not exist
   */
  public CacheReader(HubCache cache) {
    this.cache = cache;
  }

  /**
   * Reads all models.
   *
   * @return by name; empty where there is no cache
   * @throws HubException when it cannot be read, or a file lies in its place
   */
  public List<CachedModel> models() {
    refuseFile();
    try {
      List<CachedModel> models = new ArrayList<>();
      for (Path folder : children(cache.root())) {
        Optional<String> name =
            HubCache.repositoryName(folder).filter(_ -> Files.isDirectory(folder));
        if (name.isPresent()) {
          models.add(read(new LocalRepository(cache, name.get())));
        }
      }
      models.sort(Comparator.comparing(CachedModel::repository, String.CASE_INSENSITIVE_ORDER));
      return models;
    } catch (IOException | UncheckedIOException e) {
      throw failed(cache.root(), e);
    }
  }

  /**
   * Reads one model.
   *
   * @param repository its name
   * @return what there is of it; empty where there is nothing
   * @throws HubException when it cannot be read
   */
  public Optional<CachedModel> model(String repository) {
    Path folder = cache.repository(repository);
    try {
      return Files.isDirectory(folder)
          ? Optional.of(read(new LocalRepository(cache, repository)))
          : Optional.empty();
    } catch (IOException | UncheckedIOException e) {
      throw failed(folder, e);
    }
  }

  /**
   * Finds the file of a snapshot that a name means, as {@link ModelPull} chooses among those of a
   * hub.
   *
   * @param snapshot its folder
   * @param name the repository that it belongs to, and the file or the name of a quantisation
   * @return the file, of a split one the first part that is there; empty where there is none
   * @throws ChoiceException when several files may be meant
   * @throws HubException when the snapshot cannot be read
   */
  public Optional<Path> file(Path snapshot, ModelName name) {
    try {
      List<CachedFile> files =
          snapshot(new LocalRepository(cache, name.repository()), snapshot, "", List.of()).files();
      return FileChoice.only(
              name, FileSet.group(files, CachedFile::path), CachedFile::path, _ -> "")
          .map(set -> set.parts().getFirst().file());
    } catch (IOException | UncheckedIOException e) {
      throw failed(snapshot, e);
    }
  }

  /** A cache that is not there may come to be, but not where a file is in the way. */
  private void refuseFile() {
    Path at = cache.root().toAbsolutePath();
    while (!Files.exists(at) && at.getParent() != null) {
      at = at.getParent();
    }
    if (Files.exists(at) && !Files.isDirectory(at)) {
      throw new HubException(
          cache.root()
              + ": cannot be a folder, since "
              + at
              + " is a file; check HF_HUB_CACHE and HF_HOME");
    }
  }

  private static CachedModel read(LocalRepository repository) throws IOException {
    Map<String, List<String>> revisions = revisions(repository);
    List<CachedSnapshot> snapshots = new ArrayList<>();
    for (Path folder : children(repository.snapshots())) {
      if (Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
        String commit = folder.getFileName().toString();
        snapshots.add(
            snapshot(repository, folder, commit, revisions.getOrDefault(commit, List.of())));
      }
    }
    List<Unfinished> unfinished = new ArrayList<>();
    for (Path file : children(repository.blobs())) {
      if (file.getFileName().toString().endsWith(LocalRepository.INCOMPLETE)
          && Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)) {
        try {
          unfinished.add(new Unfinished(file, Files.size(file), modified(file)));
        } catch (NoSuchFileException _) {
          // finished just now
        }
      }
    }
    return new CachedModel(
        repository.repository(), repository.folder(), snapshots, List.copyOf(unfinished));
  }

  /** Names by commit. */
  private static Map<String, List<String>> revisions(LocalRepository repository)
      throws IOException {
    Map<String, List<String>> revisions = new HashMap<>();
    for (Path file : files(repository.refs())) {
      String name = repository.refs().relativize(file).toString().replace('\\', '/');
      if (Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS)
          && Files.size(file) <= MAX_REF_BYTES
          && ModelName.isRevision(name)) {
        String commit = Files.readString(file, StandardCharsets.ISO_8859_1).strip();
        revisions.computeIfAbsent(commit, _ -> new ArrayList<>()).add(name);
      }
    }
    return revisions;
  }

  private static CachedSnapshot snapshot(
      LocalRepository repository, Path folder, String commit, List<String> revisions)
      throws IOException {
    List<CachedFile> files = new ArrayList<>();
    Instant newest = Instant.EPOCH;
    for (Path file : files(folder)) {
      String path = folder.relativize(file).toString().replace('\\', '/');
      Optional<Path> content = content(repository, file);
      files.add(new CachedFile(path, file, content, content.isPresent() ? Files.size(file) : 0));
      Instant modified = modified(content.isPresent() ? file.toRealPath() : file);
      newest = modified.isAfter(newest) ? modified : newest;
    }
    Instant when = files.isEmpty() ? modified(folder) : newest;
    return new CachedSnapshot(commit, List.copyOf(revisions), folder, List.copyOf(files), when);
  }

  /** The blob that a link shows, or the file itself; where a link leads elsewhere, nothing. */
  private static Optional<Path> content(LocalRepository repository, Path file) throws IOException {
    if (!Files.isSymbolicLink(file)) {
      return Optional.of(file);
    }
    Path blob = file.resolveSibling(Files.readSymbolicLink(file)).normalize();
    boolean inside =
        Files.isRegularFile(blob)
            && blob.getParent().equals(repository.blobs().normalize())
            && isWithin(repository, blob.toRealPath());
    return inside ? Optional.of(repository.blobs().resolve(blob.getFileName())) : Optional.empty();
  }

  private static boolean isWithin(LocalRepository repository, Path real) throws IOException {
    return real.startsWith(repository.folder().toRealPath()) || repository.cache().shares(real);
  }

  private static Instant modified(Path file) throws IOException {
    return Files.getLastModifiedTime(file, LinkOption.NOFOLLOW_LINKS).toInstant();
  }

  private static List<Path> children(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(folder)) {
      return children.sorted().toList();
    }
  }

  /** All that is no folder, at any depth; links to folders are not entered. */
  private static List<Path> files(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(file -> !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS))
          .filter(file -> !file.getFileName().toString().endsWith(".tmp"))
          .sorted()
          .toList();
    }
  }

  private static HubException failed(Path where, Exception e) {
    return new HubException(where + ": cannot be read: " + IoReason.of(where, e), e);
  }
}
