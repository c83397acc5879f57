package io.moka.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The blobs that newer versions of huggingface_hub keep once for all models: {@code
 * <cache>/blobs/<2 digits>/<hash>}, with a list of the links to it in {@code <hash>.refs}. Moka
 * puts nothing there; it takes away what no model needs any more, by the rule of huggingface_hub:
 * what cannot be read surely is kept.
 */
final class SharedBlobs {
  private static final String MARKER = ".huggingface-shared-blobs";
  private static final String LAYOUT = "1\n";
  private static final long MAX_LIST_BYTES = 16 << 20;

  private final HubCache cache;

  SharedBlobs(HubCache cache) {
    this.cache = cache;
  }

  /** The shared file that a model's blob is a link to; empty where it is none. */
  Optional<Path> target(Path blob) throws IOException {
    if (!Files.isSymbolicLink(blob)) {
      return Optional.empty();
    }
    Path target = blob.resolveSibling(Files.readSymbolicLink(blob)).normalize();
    return Files.isRegularFile(target, LinkOption.NOFOLLOW_LINKS)
            && cache.shares(target.toRealPath())
        ? Optional.of(target)
        : Optional.empty();
  }

  /** Whether the links to a shared file are known and none remains beside those to be removed. */
  boolean isFreedBy(Path shared, Set<Path> removed) throws IOException {
    Optional<Set<Path>> links = links(shared);
    return links.isPresent() && removed.containsAll(links.get());
  }

  /** Removes a shared file that no link leads to any more; says how many bytes that frees. */
  long sweep(Path shared) throws IOException {
    Optional<CacheLock> lock = CacheLock.tryAcquire(shared.resolveSibling(name(shared) + ".lock"));
    if (lock.isEmpty()) {
      return 0; // somebody is about to use it
    }
    try (CacheLock _ = lock.get()) {
      if (!isFreedBy(shared, Set.of())) {
        return 0;
      }
      long bytes = Files.size(shared);
      Files.delete(shared);
      Files.deleteIfExists(list(shared));
      return bytes;
    }
  }

  /** The links to a shared file that there are now; empty where that is not known. */
  private Optional<Set<Path>> links(Path shared) throws IOException {
    Path marker = cache.root().resolve("blobs").resolve(MARKER);
    Path list = list(shared);
    if (!isReadable(marker, LAYOUT.length())
        || !Files.readString(marker, StandardCharsets.ISO_8859_1).equals(LAYOUT)
        || !isReadable(list, MAX_LIST_BYTES)) {
      return Optional.empty();
    }
    Set<Path> links = new HashSet<>();
    for (String line : Files.readString(list, StandardCharsets.ISO_8859_1).lines().toList()) {
      List<String> parts = List.of(line.split("/"));
      // by name: what is no blob of a repository in this cache is no link to it
      if (parts.size() == 3 && parts.get(1).equals("blobs") && !parts.contains("..")) {
        Path link = cache.root().resolve(line);
        if (target(link).filter(shared.normalize()::equals).isPresent()) {
          links.add(link.normalize());
        }
      }
    }
    return Optional.of(links);
  }

  private static boolean isReadable(Path file, long limit) throws IOException {
    return Files.isRegularFile(file, LinkOption.NOFOLLOW_LINKS) && Files.size(file) <= limit;
  }

  private static Path list(Path shared) {
    return shared.resolveSibling(name(shared) + ".refs");
  }

  private static String name(Path shared) {
    return shared.getFileName().toString();
  }
}
