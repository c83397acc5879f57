package io.moka.cli;

import io.moka.hub.Sizes;
import java.util.Locale;

/** Small pieces of text for people. */
final class Words {
  private Words() {}

  /** Text that may come from a file, without line ends and without a terminal's commands. */
  static String oneLine(String text) {
    StringBuilder line = new StringBuilder(text.length());
    text.codePoints()
        .map(c -> c == '\n' || c == '\r' || c == '\t' ? ' ' : c)
        .map(c -> Character.isISOControl(c) ? '?' : c)
        .forEach(line::appendCodePoint);
    return line.toString();
  }

  /** A count with separators: 7,449,344. */
  static String count(long count) {
    return String.format(Locale.ROOT, "%,d", count);
  }

  /** A size in units of 1000: 14.9 MB. */
  static String bytes(long bytes) {
    return Sizes.text(bytes);
  }

  /** A time that need not be exact: 45 s, 6 min, 2 h 10 min. */
  static String duration(long seconds) {
    if (seconds < 100) {
      return seconds + " s";
    }
    long minutes = (seconds + 30) / 60;
    return minutes < 100 ? minutes + " min" : minutes / 60 + " h " + minutes % 60 + " min";
  }
}
