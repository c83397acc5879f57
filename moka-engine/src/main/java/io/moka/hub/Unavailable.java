package io.moka.hub;

import java.io.IOException;
import java.time.Duration;
import java.util.Optional;

/** An answer that says: not now. */
final class Unavailable extends IOException {
  private static final long serialVersionUID = 1L;

  private final int status;
  private final transient Optional<Duration> wait;

  Unavailable(int status, Optional<Duration> wait) {
    super("it answers " + status);
    this.status = status;
    this.wait = wait;
  }

  /** Whether a status means that the same question may get a better answer later. */
  static boolean isTemporary(int status) {
    return status == 408 || status == 429 || status >= 500 && status != 501 && status < 600;
  }

  int status() {
    return status;
  }

  /** How long the hub wants to be left alone. */
  Optional<Duration> asked() {
    return wait;
  }
}
