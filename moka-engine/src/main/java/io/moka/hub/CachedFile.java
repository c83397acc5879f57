package io.moka.hub;

import java.nio.file.Path;
import java.util.Optional;

/**
 * A file that a snapshot shows.
 *
 * @param path in the repository
 * @param file in the snapshot
 * @param content whose bytes it shows: its blob, or the file itself where it is no link; empty for
 *     a link that is broken or leads out of the cache
 * @param bytes of the content; 0 where there is none
 */
public record CachedFile(String path, Path file, Optional<Path> content, long bytes) {}
