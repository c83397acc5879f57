package io.moka.kernels.cpu.x86;

/**
 * Something that this machine may not be able to run: either there, or the reason why it is not.
 *
 * @param <T> what
 */
sealed interface Availability<T> {
  /** It can be called. */
  record Ready<T>(T value) implements Availability<T> {}

  /** It cannot, and why: one clause for a log. */
  record Unavailable<T>(String reason) implements Availability<T> {}
}
