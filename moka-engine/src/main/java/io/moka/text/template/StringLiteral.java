package io.moka.text.template;

/** The escapes in a template's strings: Python's. */
final class StringLiteral {
  private StringLiteral() {}

  /** The text that a literal (without its quotes) stands for. */
  static String decode(String raw, int line) {
    if (raw.indexOf('\\') < 0) {
      return raw;
    }
    StringBuilder text = new StringBuilder(raw.length());
    int at = 0;
    while (at < raw.length()) {
      char c = raw.charAt(at);
      if (c != '\\' || at + 1 >= raw.length()) {
        text.append(c);
        at++;
        continue;
      }
      char escape = raw.charAt(at + 1);
      at += 2;
      switch (escape) {
        case 'n' -> text.append('\n');
        case 't' -> text.append('\t');
        case 'r' -> text.append('\r');
        case 'b' -> text.append('\b');
        case 'f' -> text.append('\f');
        case 'a' -> text.append((char) 7);
        case 'v' -> text.append((char) 11);
        case '\\', '\'', '"' -> text.append(escape);
        case '\n' -> {}
        case 'x' -> at = hexadecimal(raw, at, 2, text, line);
        case 'u' -> at = hexadecimal(raw, at, 4, text, line);
        case 'U' -> at = hexadecimal(raw, at, 8, text, line);
        case 'N' -> at = named(raw, at, text, line);
        case '0', '1', '2', '3', '4', '5', '6', '7' -> at = octal(raw, at - 1, text);
        default -> text.append('\\').append(escape);
      }
    }
    return text.toString();
  }

  private static int hexadecimal(String raw, int at, int digits, StringBuilder text, int line) {
    long point = 0;
    for (int i = at; i < at + digits; i++) {
      int digit = i < raw.length() ? Character.digit(raw.charAt(i), 16) : -1;
      if (digit < 0) {
        throw TemplateScanner.failure(
            line, "a string's escape '\\" + raw.charAt(at - 1) + "' needs " + digits + " digits");
      }
      point = point * 16 + digit;
    }
    if (point > Character.MAX_CODE_POINT) {
      throw TemplateScanner.failure(line, "a string's escape '\\U' is above U+10FFFF");
    }
    text.appendCodePoint((int) point);
    return at + digits;
  }

  private static int octal(String raw, int at, StringBuilder text) {
    int end = at;
    int point = 0;
    while (end < Math.min(at + 3, raw.length()) && "01234567".indexOf(raw.charAt(end)) >= 0) {
      point = point * 8 + raw.charAt(end) - '0';
      end++;
    }
    text.appendCodePoint(point);
    return end;
  }

  private static int named(String raw, int at, StringBuilder text, int line) {
    int end = raw.indexOf('}', at);
    if (end < 0 || raw.charAt(at) != '{') {
      throw TemplateScanner.failure(line, "a string's escape '\\N' needs a name in braces");
    }
    try {
      text.appendCodePoint(Character.codePointOf(raw.substring(at + 1, end)));
    } catch (IllegalArgumentException unknown) {
      throw TemplateScanner.failure(line, "a string's escape '\\N' names no character");
    }
    return end + 1;
  }
}
