package io.moka.hub;

import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * What the cache holds of a commit.
 *
 * @param commit its name
 * @param revisions branches and tags that name it
 * @param folder that shows the files
 * @param files all of them, by path
 * @param modified when the newest of them came
 */
public record CachedSnapshot(
    String commit, List<String> revisions, Path folder, List<CachedFile> files, Instant modified) {

  /**
   * The size.
   *
   * @return bytes of all files; what two of them share counts once
   */
  public long bytes() {
    Set<Path> seen = new HashSet<>();
    return files.stream()
        .filter(file -> file.content().filter(seen::add).isPresent())
        .mapToLong(CachedFile::bytes)
        .sum();
  }

  /**
   * The kinds of weights.
   *
   * @return such as {@code safetensors} or {@code GGUF Q4_K_M, Q8_0}; empty where there are none
   */
  public String format() {
    List<String> kinds = new ArrayList<>();
    List<FileSet<CachedFile>> sets = FileSet.group(files, CachedFile::path);
    if (sets.stream().anyMatch(set -> set.path().endsWith(".safetensors"))) {
      kinds.add("safetensors");
    }
    List<FileSet<CachedFile>> ggufs = sets.stream().filter(FileSet::isGguf).toList();
    if (!ggufs.isEmpty()) {
      List<String> formats =
          ggufs.stream().map(FileSet::format).filter(text -> !text.isEmpty()).distinct().toList();
      kinds.add(("GGUF " + String.join(", ", formats)).strip());
    }
    return String.join("; ", kinds);
  }

  /**
   * Whether all is there.
   *
   * @return whether no part of a split file is missing and no link is broken
   */
  public boolean isWhole() {
    return files.stream().allMatch(file -> file.content().isPresent())
        && FileSet.group(files, CachedFile::path).stream().allMatch(FileSet::isWhole);
  }
}
