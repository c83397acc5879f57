package io.moka;

/** A chat template refused the messages, or ran out of the steps, depth or output it is allowed. */
public final class TemplateException extends RequestException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message what was read or asked, what was expected, and what to do
   */
  public TemplateException(String message) {
    super(message);
  }

  /**
   * Creates the exception with its cause.
   *
   * @param message what was read or asked, what was expected, and what to do
   * @param cause what went wrong beneath
   */
  public TemplateException(String message, Throwable cause) {
    super(message, cause);
  }
}
