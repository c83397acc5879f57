package io.moka.hub;

import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What the cache holds of a model.
 *
 * @param repository the model's name
 * @param folder in the cache
 * @param snapshots by commit
 * @param unfinished downloads that broke off
 */
public record CachedModel(
    String repository, Path folder, List<CachedSnapshot> snapshots, List<Unfinished> unfinished) {

  /**
   * The size.
   *
   * @return bytes of all snapshots and unfinished downloads; what snapshots share counts once
   */
  public long bytes() {
    Set<Path> seen = new HashSet<>();
    long shown =
        snapshots.stream()
            .flatMap(snapshot -> snapshot.files().stream())
            .filter(file -> file.content().filter(seen::add).isPresent())
            .mapToLong(CachedFile::bytes)
            .sum();
    return shown + unfinished.stream().mapToLong(Unfinished::bytes).sum();
  }
}
