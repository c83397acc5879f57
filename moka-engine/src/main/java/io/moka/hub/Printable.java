package io.moka.hub;

/** Text from a hub or from file names, as it may stand in a message. */
final class Printable {
  private static final int MOST_CHARACTERS = 200;

  private Printable() {}

  /**
   * Escapes what a terminal would obey rather than show, and what turns the direction of writing;
   * cuts what is long.
   */
  static String text(String text) {
    StringBuilder shown = new StringBuilder();
    text.codePoints()
        .limit(MOST_CHARACTERS)
        .forEach(c -> {
          if (isShown(c)) {
            shown.appendCodePoint(c);
          } else {
            shown.append(String.format("\\u%04x", c));
          }
        });
    return text.codePointCount(0, text.length()) > MOST_CHARACTERS ? shown + "..." : shown + "";
  }

  private static boolean isShown(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
