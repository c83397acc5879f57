package io.moka.hub;

import io.moka.HubException;
import io.moka.IoReason;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * What shall be removed from the cache: planned first, so that a user can be asked, then done.
 * Folders that are links are refused, other links are removed and never followed: nothing outside
 * the model's own folder is touched, but for blobs that models share and none needs any more.
 */
public final class CacheRemoval {
  /** What huggingface_hub remembers of a commit: files there are not, and files there are. */
  private static final String NO_EXIST = ".no_exist";

  private static final String TREES = "trees";

  private static final int FEWEST_DIGITS = 7; // of a commit, as git shortens it

  private final LocalRepository repository;
  private final SharedBlobs shared;
  private final List<CachedSnapshot> snapshots = new ArrayList<>();
  private final List<CachedFile> files = new ArrayList<>();
  private final Set<Path> blobs = new LinkedHashSet<>();
  private boolean whole;
  private long bytes;

  private CacheRemoval(HubCache cache, String repository) {
    this.repository = new LocalRepository(cache, repository);
    this.shared = new SharedBlobs(cache);
  }

  /**
   * Plans to remove a model, a revision of it, or files.
   *
   * @param cache from which cache
   * @param name what: with a revision that alone, with a file that alone, in every snapshot
   * @return the plan
   * @throws ModelNotFoundException when there is no such thing
   * @throws ChoiceException when several files may be meant
   * @throws HubException when the cache is not laid out as it should be
   */
  public static CacheRemoval of(HubCache cache, ModelName name) {
    CacheRemoval removal = new CacheRemoval(cache, name.repository());
    try {
      removal.plan(removal.model(), name);
      return removal;
    } catch (IOException | UncheckedIOException e) {
      throw removal.failed(e);
    }
  }

  /**
   * Plans to remove a model's unfinished downloads.
   *
   * @param cache from which cache
   * @param repository the model's name
   * @return the plan
   * @throws ModelNotFoundException when there are none
   * @throws HubException when the cache is not laid out as it should be
   */
  public static CacheRemoval ofUnfinished(HubCache cache, String repository) {
    CacheRemoval removal = new CacheRemoval(cache, repository);
    try {
      List<Unfinished> unfinished = removal.model().unfinished();
      if (unfinished.isEmpty()) {
        throw new ModelNotFoundException(repository + ": has no unfinished downloads");
      }
      unfinished.forEach(file -> removal.blobs.add(file.file()));
      removal.bytes = unfinished.stream().mapToLong(Unfinished::bytes).sum();
      return removal;
    } catch (IOException | UncheckedIOException e) {
      throw removal.failed(e);
    }
  }

  /**
   * How much it frees.
   *
   * @return bytes, as far as is known before
   */
  public long bytes() {
    return bytes;
  }

  /**
   * What it removes, in words.
   *
   * @return such as {@code 2 snapshots with 14 files}
   */
  public String describe() {
    long unfinished = blobs.stream().filter(CacheRemoval::isUnfinished).count();
    List<String> parts = new ArrayList<>();
    if (!snapshots.isEmpty()) {
      parts.add(count(snapshots.size(), "snapshot"));
    }
    if (!files.isEmpty()) {
      parts.add(count(files.size(), "file"));
    }
    if (unfinished > 0) {
      parts.add(count(unfinished, "unfinished download"));
    }
    return parts.isEmpty() ? "an empty folder" : String.join(", ", parts);
  }

  /**
   * Removes it.
   *
   * @return bytes that were freed
   * @throws HubException when another process is fetching the model, or the disk refuses
   */
  public long run() {
    try {
      if (whole || snapshots.isEmpty() && files.isEmpty()) {
        refuseBusy();
      }
      for (CachedSnapshot snapshot : snapshots) {
        for (String revision : snapshot.revisions()) {
          deleteUpTo(repository.refs().resolve(revision), repository.refs());
        }
        delete(repository.folder().resolve(NO_EXIST).resolve(snapshot.commit()));
        delete(repository.folder().resolve(TREES).resolve(snapshot.commit() + ".json"));
      }
      long freed = 0;
      for (CachedFile file : files) {
        freed += Files.isRegularFile(file.file(), LinkOption.NOFOLLOW_LINKS) ? file.bytes() : 0;
        deleteUpTo(file.file(), repository.snapshots());
      }
      for (CachedSnapshot snapshot : snapshots) {
        delete(snapshot.folder());
      }
      for (Path blob : blobs) {
        freed += deleteBlob(blob);
      }
      if (whole) {
        delete(repository.folder());
      }
      return freed;
    } catch (IOException | UncheckedIOException e) {
      throw failed(e);
    }
  }

  private CachedModel model() throws IOException {
    Path folder = repository.folder();
    refuseLink(folder);
    for (String part : List.of("blobs", "snapshots", "refs", NO_EXIST, TREES)) {
      refuseLink(folder.resolve(part));
    }
    return new CacheReader(repository.cache())
        .model(repository.repository())
        .orElseThrow(() ->
            new ModelNotFoundException(
                repository.repository()
                    + ": is not in "
                    + repository.cache().root()
                    + "; moka list shows what is"));
  }

  private static void refuseLink(Path folder) throws IOException {
    if (Files.isSymbolicLink(folder)) {
      throw new HubException(
          folder
              + ": is a link, to "
              + Files.readSymbolicLink(folder)
              + ", and nothing is removed through links; remove it by hand");
    }
  }

  private void plan(CachedModel model, ModelName name) throws IOException {
    List<CachedSnapshot> chosen =
        name.revision().isPresent()
            ? List.of(snapshot(model, name.revision().get()))
            : model.snapshots();
    for (CachedSnapshot snapshot : chosen) {
      files.addAll(name.file().isPresent() ? named(snapshot, name) : snapshot.files());
    }
    if (name.file().isPresent() && files.isEmpty()) {
      throw new ModelNotFoundException(
          name
              + ": no file of that name is in "
              + repository.folder()
              + "; moka list shows what is");
    }
    Set<CachedFile> removed = new HashSet<>(files);
    chosen.stream()
        .filter(snapshot -> removed.containsAll(snapshot.files()))
        .forEach(snapshots::add);
    boolean nothingRemains = snapshots.size() == model.snapshots().size();
    boolean all = name.revision().isEmpty() && name.file().isEmpty();
    whole = all || nothingRemains && model.unfinished().isEmpty();
    Set<Path> needed = new HashSet<>();
    model.snapshots().stream()
        .flatMap(snapshot -> snapshot.files().stream())
        .filter(Predicate.not(removed::contains))
        .forEach(file -> file.content().ifPresent(needed::add));
    for (Path blob : blobs()) {
      if (!needed.contains(blob) && (whole || !isUnfinished(blob))) {
        blobs.add(blob);
      }
    }
    bytes = count();
  }

  private CachedSnapshot snapshot(CachedModel model, String revision) {
    List<CachedSnapshot> found =
        model.snapshots().stream()
            .filter(snapshot ->
                snapshot.revisions().contains(revision)
                    || revision.length() >= FEWEST_DIGITS && snapshot.commit().startsWith(revision))
            .toList();
    if (found.size() != 1) {
      throw new ModelNotFoundException(
          repository.repository()
              + ": "
              + (found.isEmpty() ? "no" : "more than one")
              + " snapshot is called "
              + revision
              + "; moka list shows their names");
    }
    return found.getFirst();
  }

  private static List<CachedFile> named(CachedSnapshot snapshot, ModelName name) {
    return FileChoice.only(
            name, FileSet.group(snapshot.files(), CachedFile::path), CachedFile::path, _ -> "")
        .map(FileSet::parts)
        .orElse(List.of());
  }

  private List<Path> blobs() throws IOException {
    if (!Files.isDirectory(repository.blobs())) {
      return List.of();
    }
    try (Stream<Path> children = Files.list(repository.blobs())) {
      return children
          .filter(file -> !Files.isDirectory(file, LinkOption.NOFOLLOW_LINKS))
          .sorted()
          .toList();
    }
  }

  private long count() throws IOException {
    long sum = 0;
    for (CachedFile file : files) {
      sum += Files.isRegularFile(file.file(), LinkOption.NOFOLLOW_LINKS) ? file.bytes() : 0;
    }
    Set<Path> links = new HashSet<>();
    blobs.forEach(blob -> links.add(blob.normalize()));
    for (Path blob : blobs) {
      Optional<Path> target = shared.target(blob);
      if (target.isPresent()) {
        sum += shared.isFreedBy(target.get(), links) ? Files.size(target.get()) : 0;
      } else if (Files.isRegularFile(blob, LinkOption.NOFOLLOW_LINKS)) {
        sum += Files.size(blob);
      }
    }
    return sum;
  }

  /** Frees a blob unless somebody is fetching or placing it just now. */
  private long deleteBlob(Path blob) throws IOException {
    Optional<CacheLock> lock = CacheLock.tryAcquire(repository.lock(hash(blob)));
    if (lock.isEmpty()) {
      return 0;
    }
    try (CacheLock _ = lock.get()) {
      Optional<Path> target = shared.target(blob);
      boolean file = Files.isRegularFile(blob, LinkOption.NOFOLLOW_LINKS);
      long size = file ? Files.size(blob) : 0;
      Files.deleteIfExists(blob);
      return target.isPresent() ? shared.sweep(target.get()) : size;
    }
  }

  private void refuseBusy() throws IOException {
    for (Path blob : blobs) {
      Path lock = repository.lock(hash(blob));
      if (Files.exists(lock)) {
        CacheLock.tryAcquire(lock)
            .orElseThrow(() ->
                new HubException(
                    repository.repository()
                        + ": another process is fetching it; let it end, or stop it, first"))
            .close();
      }
    }
  }

  /** Deletes a file, then the folders above it that are empty now, up to one that stays. */
  private static void deleteUpTo(Path file, Path top) throws IOException {
    Files.deleteIfExists(file);
    Path folder = file.getParent();
    while (!folder.equals(top) && folder.startsWith(top) && isEmpty(folder)) {
      Files.deleteIfExists(folder);
      folder = folder.getParent();
    }
  }

  private static boolean isEmpty(Path folder) throws IOException {
    if (!Files.isDirectory(folder, LinkOption.NOFOLLOW_LINKS)) {
      return false;
    }
    try (Stream<Path> children = Files.list(folder)) {
      return children.findAny().isEmpty();
    }
  }

  /** Deletes a file or a folder with all that is in it; links are deleted and not followed. */
  private static void delete(Path top) throws IOException {
    if (!Files.exists(top, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    Files.walkFileTree(
        top,
        new SimpleFileVisitor<>() {
          @Override
          public FileVisitResult visitFile(Path file, BasicFileAttributes attributes)
              throws IOException {
            Files.delete(file);
            return FileVisitResult.CONTINUE;
          }

          @Override
          public FileVisitResult postVisitDirectory(Path folder, IOException e) throws IOException {
            if (e != null) {
              throw e;
            }
            Files.delete(folder);
            return FileVisitResult.CONTINUE;
          }
        });
  }

  private static boolean isUnfinished(Path blob) {
    return blob.getFileName().toString().endsWith(LocalRepository.INCOMPLETE);
  }

  /** Of a blob, of an unfinished one, of one that huggingface_hub did not finish. */
  private static String hash(Path blob) {
    return blob.getFileName().toString().split("\\.", 2)[0];
  }

  private static String count(long count, String what) {
    return count + " " + what + (count == 1 ? "" : "s");
  }

  private HubException failed(Exception e) {
    return new HubException(
        repository.folder() + ": cannot be removed: " + IoReason.of(repository.folder(), e), e);
  }
}
