package io.moka;

/**
 * A model could not be fetched from a hub, or the cache of fetched models cannot be read or
 * changed: the hub is out of reach or refuses, its answer makes no sense, a disk is full.
 */
public class HubException extends MokaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public HubException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public HubException(String message, Throwable cause) {
    super(message, cause);
  }
}
