package io.moka.hub;

import java.nio.file.Path;

/**
 * A file to have.
 *
 * @param path in the repository
 * @param size in bytes
 * @param hash of its content
 * @param target where the snapshot shows it
 */
record Wanted(String path, long size, ContentHash hash, Path target) {}
