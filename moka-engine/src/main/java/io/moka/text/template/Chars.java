package io.moka.text.template;

import java.util.function.IntPredicate;

/** Characters as Python's str sees them. */
final class Chars {
  private Chars() {}

  /** What str.isspace() accepts and strip() removes. */
  static boolean isSpace(int c) {
    return c == ' '
        || c >= '\t' && c <= '\r'
        || c >= 0x1c && c <= 0x1f
        || c == 0x85
        || c == 0xa0
        || c > 0xff && Character.isSpaceChar(c);
  }

  /** What splitlines() takes for the end of a line. */
  static boolean isLineEnd(char c) {
    return c >= '\n' && c <= '\r'
        || c >= 0x1c && c <= 0x1e
        || c == 0x85
        || c == 0x2028
        || c == 0x2029;
  }

  /** Whether repr() shows the character itself rather than an escape. */
  static boolean isPrintable(int c) {
    if (c == ' ') {
      return true;
    }
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR,
          Character.SPACE_SEPARATOR ->
          false;
      default -> true;
    };
  }

  static String strip(String text) {
    return stripStart(stripEnd(text, Chars::isSpace), Chars::isSpace);
  }

  static String stripStart(String text, IntPredicate removed) {
    int start = 0;
    while (start < text.length() && removed.test(text.codePointAt(start))) {
      start += Character.charCount(text.codePointAt(start));
    }
    return text.substring(start);
  }

  static String stripEnd(String text, IntPredicate removed) {
    int end = text.length();
    while (end > 0 && removed.test(text.codePointBefore(end))) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(0, end);
  }

  /** Whether a name in a template, and in Python, may begin with the character. */
  static boolean isNameStart(int c) {
    return c == '_' || Character.isUnicodeIdentifierStart(c);
  }

  /** Whether a name may go on with the character. */
  static boolean isNamePart(int c) {
    return c == '_' || Character.isUnicodeIdentifierPart(c) && !Character.isIdentifierIgnorable(c);
  }

  /** Compares by code points; Java's own order puts the rarer planes before U+E000. */
  static int compare(String left, String right) {
    int common = Math.min(left.length(), right.length());
    for (int i = 0; i < common; i++) {
      char a = left.charAt(i);
      char b = right.charAt(i);
      if (a != b) {
        boolean mixed = Character.isSurrogate(a) != Character.isSurrogate(b);
        return mixed ? Character.isSurrogate(a) ? 1 : -1 : Character.compare(a, b);
      }
    }
    return Integer.compare(left.length(), right.length());
  }
}
