package io.moka;

/** The model produced numbers that are not finite, so that its output would mean nothing. */
public final class NumericalException extends MokaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public NumericalException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public NumericalException(String message, Throwable cause) {
    super(message, cause);
  }
}
