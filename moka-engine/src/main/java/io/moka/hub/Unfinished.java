package io.moka.hub;

import java.nio.file.Path;
import java.time.Instant;

/**
 * A download that broke off.
 *
 * @param file what came of it
 * @param bytes how much
 * @param modified when the last of it came
 */
public record Unfinished(Path file, long bytes, Instant modified) {}
