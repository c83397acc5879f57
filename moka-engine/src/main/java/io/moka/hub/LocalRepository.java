package io.moka.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.UUID;
import java.util.regex.Pattern;

/**
 * A model's folder in the cache, as huggingface_hub lays it out.
 *
 * @param cache the cache
 * @param repository the model's name
 */
record LocalRepository(HubCache cache, String repository) {
  static final String INCOMPLETE = ".incomplete";

  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40,64}");
  private static final int MAX_REF_BYTES = 4096;

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  Path folder() {
    return cache.repository(repository);
  }

  Path blobs() {
    return folder().resolve("blobs");
  }

  Path blob(ContentHash hash) {
    return blobs().resolve(hash.hex());
  }

  /**
   * Where a blob grows. huggingface_hub's older versions call it the same and go on with it too.
   */
  Path incomplete(ContentHash hash) {
    return blobs().resolve(hash.hex() + INCOMPLETE);
  }

  Path locks() {
    return cache.root().resolve(".locks").resolve(HubCache.folderName(repository));
  }

  Path lock(String hash) {
    return locks().resolve(hash + ".lock");
  }

  Path snapshots() {
    return folder().resolve("snapshots");
  }

  Path snapshot(String commit) {
    return snapshots().resolve(commit);
  }

  Path refs() {
    return folder().resolve("refs");
  }

  /** The commit that a revision names here; empty where that is not known. */
  Optional<String> commit(String revision) throws IOException {
    Path ref = refs().resolve(revision);
    if (Files.isRegularFile(ref, LinkOption.NOFOLLOW_LINKS) && Files.size(ref) <= MAX_REF_BYTES) {
      return Optional.of(Files.readString(ref, StandardCharsets.ISO_8859_1).strip())
          .filter(LocalRepository::isCommit);
    }
    return Optional.of(revision).filter(LocalRepository::isCommit);
  }

  /** Notes which commit a revision names; a commit names itself. */
  void writeRef(String revision, String commit) throws IOException {
    if (revision.equals(commit)) {
      return;
    }
    Path ref = refs().resolve(revision);
    if (Files.isRegularFile(ref)
        && Files.readString(ref, StandardCharsets.ISO_8859_1).equals(commit)) {
      return;
    }
    Files.createDirectories(ref.getParent());
    Path written = besides(ref);
    try {
      Files.writeString(written, commit);
      Files.move(written, ref, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(written);
    }
  }

  /** Whether a file is there in its full length, however it is stored. */
  static boolean isComplete(Path file, long size) throws IOException {
    return Files.isRegularFile(file) && Files.size(file) == size;
  }

  /**
   * Lets a file of a snapshot show a blob: by a relative link, or, where the disk knows none, by a
   * second name or a copy.
   */
  void show(Path file, Path blob, LinkMaker links) throws IOException {
    Files.createDirectories(file.getParent());
    if (!file.getParent().toRealPath().startsWith(folder().toRealPath())) {
      throw new IOException(file.getParent() + ": a link that leads out of " + folder());
    }
    Path made = besides(file);
    try {
      try {
        links.link(made, file.getParent().relativize(blob));
      } catch (UnsupportedOperationException | IOException noLinks) {
        copy(blob, made);
      }
      Files.move(made, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } finally {
      Files.deleteIfExists(made);
    }
  }

  /** Makes symbolic links, where that is possible. */
  interface LinkMaker {
    void link(Path link, Path target) throws IOException;
  }

  private static void copy(Path blob, Path to) throws IOException {
    try {
      Files.createLink(to, blob.toRealPath());
    } catch (UnsupportedOperationException | IOException noSecondNames) {
      Files.copy(blob, to);
    }
  }

  private static Path besides(Path file) {
    return file.resolveSibling("." + UUID.randomUUID() + ".tmp");
  }
}
