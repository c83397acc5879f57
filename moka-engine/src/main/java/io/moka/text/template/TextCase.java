package io.moka.text.template;

import java.util.Locale;

/** Upper and lower case and the kinds of digits, as Python's str tells them apart. */
final class TextCase {
  private TextCase() {}

  static String upper(String text) {
    return text.toUpperCase(Locale.ROOT);
  }

  /** The first character in upper case, the others in lower case. */
  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.offsetByCodePoints(0, 1);
    return titled(text.codePointAt(0)) + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String titled(int point) {
    int title = Character.toTitleCase(point);
    String upper = upper(Character.toString(point));
    // Some letters become two: the second is small then.
    return title == point && upper.length() > Character.charCount(point)
        ? upper.substring(0, 1) + upper.substring(1).toLowerCase(Locale.ROOT)
        : Character.toString(title);
  }

  /** Each run of letters as capitalize makes it. */
  static String title(String text) {
    StringBuilder result = new StringBuilder(text.length());
    boolean inWord = false;
    for (int point : text.codePoints().toArray()) {
      boolean cased = isCased(point);
      result.append(
          cased && !inWord ? titled(point) : Character.toString(point).toLowerCase(Locale.ROOT));
      inWord = cased;
    }
    return result.toString();
  }

  static String swap(String text) {
    StringBuilder result = new StringBuilder(text.length());
    text.codePoints()
        .mapToObj(point -> {
          String letter = Character.toString(point);
          return Character.isUpperCase(point) ? letter.toLowerCase(Locale.ROOT) : upper(letter);
        })
        .forEach(result::append);
    return result.toString();
  }

  static boolean isLower(String text) {
    return text.codePoints().anyMatch(TextCase::isCased)
        && text.codePoints().noneMatch(c -> Character.isUpperCase(c) || Character.isTitleCase(c));
  }

  static boolean isUpper(String text) {
    return text.codePoints().anyMatch(TextCase::isCased)
        && text.codePoints().noneMatch(c -> Character.isLowerCase(c) || Character.isTitleCase(c));
  }

  static boolean isTitle(String text) {
    boolean inWord = false;
    boolean found = false;
    for (int point : text.codePoints().toArray()) {
      boolean upper = Character.isUpperCase(point) || Character.isTitleCase(point);
      if (upper ? inWord : Character.isLowerCase(point) && !inWord) {
        return false;
      }
      inWord = isCased(point);
      found |= inWord;
    }
    return found;
  }

  private static boolean isCased(int point) {
    return Character.isUpperCase(point)
        || Character.isLowerCase(point)
        || Character.isTitleCase(point);
  }

  /** Decimal digits, and those raised, lowered or in circles. */
  static boolean isDigit(int point) {
    return Character.isDigit(point)
        || point == 0xb2
        || point == 0xb3
        || point == 0xb9
        || point == 0x2070
        || point >= 0x2074 && point <= 0x2079
        || point >= 0x2080 && point <= 0x2089
        || point >= 0x2460 && point <= 0x2468;
  }

  /** Whatever stands for a number, fractions and Roman numerals included. */
  static boolean isNumeric(int point) {
    int type = Character.getType(point);
    return Character.isDigit(point)
        || type == Character.LETTER_NUMBER
        || type == Character.OTHER_NUMBER;
  }
}
