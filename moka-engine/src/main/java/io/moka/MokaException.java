package io.moka;

/** Everything Moka throws on purpose; the message is fit for a user. */
public class MokaException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public MokaException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public MokaException(String message, Throwable cause) {
    super(message, cause);
  }
}
