package io.moka;

/** There is no model where the caller said one would be. */
public final class ModelNotFoundException extends ModelException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public ModelNotFoundException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public ModelNotFoundException(String message, Throwable cause) {
    super(message, cause);
  }
}
