package io.moka;

/** A model's files are damaged, incomplete or of a kind that Moka does not support. */
public class ModelException extends MokaException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public ModelException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public ModelException(String message, Throwable cause) {
    super(message, cause);
  }
}
