package io.moka.hub;

import java.nio.file.Path;
import java.util.List;

/**
 * What a pull left in the cache.
 *
 * @param commit of which the files are
 * @param snapshot the folder that shows them
 * @param files their paths in that folder
 * @param totalBytes of all of them
 * @param fetchedBytes that came over the network
 */
public record PullResult(
    String commit, Path snapshot, List<Path> files, long totalBytes, long fetchedBytes) {}
