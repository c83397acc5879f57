package io.moka;

/**
 * A file came from a hub with another length or another hash than the hub itself names. What had
 * come of it is removed.
 */
public final class DamagedDownloadException extends HubException {
  private static final long serialVersionUID = 1L;

  /**
   * Creates the exception.
   *
   * @param message the file, what was expected, what was found, and what to do
   */
  public DamagedDownloadException(String message) {
    super(message);
  }
}
