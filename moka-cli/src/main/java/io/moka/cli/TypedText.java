package io.moka.cli;

/** What came from the one who types. */
sealed interface TypedText {
  /**
   * Text.
   *
   * @param text without the line end
   */
  record Text(String text) implements TypedText {}

  /** Ctrl-C: what was begun is thrown away. */
  record Interrupted() implements TypedText {}

  /** Ctrl-D, or the end of the file. */
  record End() implements TypedText {}
}
