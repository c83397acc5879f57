package io.moka.cli;

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
    if (bytes < 1000) {
      return bytes + " bytes";
    }
    double value = bytes;
    String units = "kMGTPE";
    int unit = -1;
    while (value >= 999.95 && unit + 1 < units.length()) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %sB", value, units.charAt(unit));
  }
}
