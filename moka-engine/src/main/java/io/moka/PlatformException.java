package io.moka;

/**
 * This Java virtual machine or machine cannot run what was asked; the message names the flag or the
 * choice that can.
 */
public final class PlatformException extends MokaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public PlatformException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public PlatformException(String message, Throwable cause) {
    super(message, cause);
  }
}
