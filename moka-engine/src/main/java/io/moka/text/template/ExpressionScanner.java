package io.moka.text.template;

import io.moka.text.template.Token.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.IntUnaryOperator;

/** Cuts the inside of one tag into names, literals and operators, up to the tag's end. */
final class ExpressionScanner {
  private static final List<String> LONG_OPERATORS = List.of("//", "**", "==", "!=", ">=", "<=");
  private static final String OPERATORS = "+-/*%~[](){}><=.:|,;";

  private final String source;
  private final String closing;
  private final IntUnaryOperator lineAt;
  private final List<Token> tokens = new ArrayList<>();
  private final Deque<Character> brackets = new ArrayDeque<>();
  private int position;
  private char closingSign;

  ExpressionScanner(String source, int start, String closing, IntUnaryOperator lineAt) {
    this.source = source;
    this.position = start;
    this.closing = closing;
    this.lineAt = lineAt;
  }

  /** The index behind the tag. */
  int end() {
    return position;
  }

  /** The sign before the tag's end, or 0. */
  char closingSign() {
    return closingSign;
  }

  List<Token> scan() {
    int opened = lineAt.applyAsInt(position);
    while (position < source.length()) {
      if (brackets.isEmpty() && atClosing()) {
        return tokens;
      }
      int c = source.codePointAt(position);
      if (Chars.isSpace(c)) {
        position++;
      } else if (c >= '0' && c <= '9') {
        number();
      } else if (Chars.isNameStart(c)) {
        name();
      } else if (c == '"' || c == '\'') {
        string((char) c);
      } else {
        operator();
      }
    }
    throw TemplateScanner.failure(
        opened, "a tag has no end '" + closing + "', or a bracket is not closed");
  }

  private boolean atClosing() {
    char sign = source.charAt(position);
    boolean signed = sign == '-' || sign == '+' && closing.equals("%}");
    if (!source.startsWith(closing, signed ? position + 1 : position)) {
      return false;
    }
    closingSign = signed ? sign : 0;
    position += signed ? 3 : 2;
    return true;
  }

  private void add(Kind kind, int end) {
    String text = source.substring(position, end);
    tokens.add(new Token(kind, text, lineAt.applyAsInt(position)));
    position = end;
  }

  private void name() {
    int end = position;
    while (end < source.length() && Chars.isNamePart(source.codePointAt(end))) {
      end += Character.charCount(source.codePointAt(end));
    }
    add(Kind.NAME, Math.max(end, position + 1));
  }

  private void number() {
    int end = digits(position, 10);
    if (source.charAt(position) == '0' && position + 1 < source.length()) {
      int radix =
          switch (source.charAt(position + 1)) {
            case 'b', 'B' -> 2;
            case 'o', 'O' -> 8;
            case 'x', 'X' -> 16;
            default -> 0;
          };
      int start = position + (at(position + 2) == '_' ? 3 : 2);
      if (radix != 0 && Character.digit(at(start), radix) >= 0) {
        add(Kind.INTEGER, digits(start, radix));
        return;
      }
    }
    // In a.0.1 the numbers are two subscripts.
    boolean subscript = position > 0 && source.charAt(position - 1) == '.';
    Kind kind = Kind.INTEGER;
    if (!subscript && at(end) == '.' && Character.digit(at(end + 1), 10) >= 0) {
      kind = Kind.FLOAT;
      end = digits(end + 1, 10);
    }
    if (!subscript && (at(end) == 'e' || at(end) == 'E')) {
      int exponent = end + (at(end + 1) == '+' || at(end + 1) == '-' ? 2 : 1);
      if (Character.digit(at(exponent), 10) >= 0) {
        kind = Kind.FLOAT;
        end = digits(exponent, 10);
      }
    }
    if (kind == Kind.INTEGER && source.charAt(position) == '0') {
      for (int i = position; i < end; i++) {
        if (source.charAt(i) != '0' && source.charAt(i) != '_') {
          throw TemplateScanner.failure(
              lineAt.applyAsInt(position), "an integer begins with a zero");
        }
      }
    }
    add(kind, end);
  }

  /** The index behind digits with single underscores between them. */
  private int digits(int start, int radix) {
    int end = start;
    while (Character.digit(at(end), radix) >= 0 && at(end) < 128
        || end > start && at(end) == '_' && Character.digit(at(end + 1), radix) >= 0) {
      end++;
    }
    return end;
  }

  private char at(int index) {
    return index < source.length() ? source.charAt(index) : 0;
  }

  private void string(char quote) {
    int end = position + 1;
    while (end < source.length() && source.charAt(end) != quote) {
      end += source.charAt(end) == '\\' ? 2 : 1;
    }
    int line = lineAt.applyAsInt(position);
    if (end >= source.length()) {
      throw TemplateScanner.failure(line, "a string has no end " + quote);
    }
    String text = StringLiteral.decode(source.substring(position + 1, end), line);
    tokens.add(new Token(Kind.STRING, text, line));
    position = end + 1;
  }

  private void operator() {
    char c = source.charAt(position);
    int line = lineAt.applyAsInt(position);
    for (String operator : LONG_OPERATORS) {
      if (source.startsWith(operator, position)) {
        add(Kind.OPERATOR, position + 2);
        return;
      }
    }
    if (OPERATORS.indexOf(c) < 0) {
      throw TemplateScanner.failure(
          line, "unexpected character '" + Character.toString(source.codePointAt(position)) + "'");
    }
    switch (c) {
      case '(' -> brackets.push(')');
      case '[' -> brackets.push(']');
      case '{' -> brackets.push('}');
      case ')', ']', '}' -> {
        if (brackets.isEmpty() || brackets.pop() != c) {
          throw TemplateScanner.failure(line, "the bracket '" + c + "' closes nothing");
        }
      }
      default -> {}
    }
    add(Kind.OPERATOR, position + 1);
  }
}
