package io.moka;

/**
 * A request cannot be served as asked: an option out of range, a prompt too long, messages the
 * template refuses.
 */
public class RequestException extends MokaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public RequestException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public RequestException(String message, Throwable cause) {
    super(message, cause);
  }
}
