package io.moka.cli;

/** Where a chat's lines come from: a terminal, or a pipe. */
interface LineSource extends AutoCloseable {
  /**
   * Reads a line.
   *
   * @param prompt shown before it where a person types
   * @return the line or why there is none
   */
  TypedText read(String prompt);

  /**
   * Says whom Ctrl-C shall stop while no line is read.
   *
   * @param stop called from another thread
   */
  void onInterrupt(Runnable stop);

  @Override
  void close();
}
