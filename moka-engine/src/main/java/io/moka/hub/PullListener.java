package io.moka.hub;

/** Hears how a pull gets on; several threads may call. */
public interface PullListener {
  /** Hears nothing. */
  PullListener SILENT = new PullListener() {};

  /**
   * The files are known, and fetching begins.
   *
   * @param files how many make up what was asked for
   * @param totalBytes of all of them
   * @param presentFiles how many are there already
   * @param presentBytes of those
   */
  default void onStart(int files, long totalBytes, int presentFiles, long presentBytes) {}

  /**
   * Bytes are on the disk, from the network or from an earlier, broken pull.
   *
   * @param bytes how many; negative where a file has to begin anew
   * @param fetched whether they came from the network just now
   */
  default void onBytes(long bytes, boolean fetched) {}

  /**
   * A file is complete and checked.
   *
   * @param path in the repository
   */
  default void onFile(String path) {}

  /**
   * Something a user may want to know: a wait, another try.
   *
   * @param text one line
   */
  default void onNotice(String text) {}
}
