package io.moka.engine;

/**
 * Asks a request to end. Any thread may cancel. A step ends after its present layer once every
 * running request is cancelled; otherwise it is completed.
 */
public final class Cancellation {
  private volatile boolean cancelled;

  /** Not cancelled yet. */
  public Cancellation() {}

  /** Cancels, for good. */
  public void cancel() {
    cancelled = true;
  }

  /**
   * Whether it was cancelled.
   *
   * @return true from then on
   */
  public boolean isCancelled() {
    return cancelled;
  }
}
