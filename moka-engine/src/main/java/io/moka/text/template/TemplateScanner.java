package io.moka.text.template;

import io.moka.ModelException;
import io.moka.text.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * Parts a template into text and tags and applies the rules for white space: a minus sign in a tag
 * removes all of it on that side; the newline after a block or comment goes (trim_blocks); so does
 * the space before one that begins a line (lstrip_blocks), unless a plus sign keeps it.
 */
final class TemplateScanner {
  private static final int MAX_SOURCE = 1 << 20;

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int position;
  private int line = 1;
  private int lineCountedTo;

  private TemplateScanner(String source) {
    this.source = source;
  }

  /** Cuts a template into tokens, an END last. */
  static List<Token> scan(String source) {
    if (source.length() > MAX_SOURCE) {
      throw new ModelException(
          "The chat template has "
              + source.length()
              + " characters; at most "
              + MAX_SOURCE
              + " are read.");
    }
    String text = source.replace("\r\n", "\n").replace('\r', '\n');
    if (text.endsWith("\n")) {
      text = text.substring(0, text.length() - 1);
    }
    TemplateScanner scanner = new TemplateScanner(text);
    scanner.scan();
    return scanner.tokens;
  }

  /** The failure of a template that cannot be read. */
  static ModelException failure(int line, String what) {
    return new ModelException("The chat template cannot be read: line " + line + ": " + what);
  }

  private void scan() {
    while (position < source.length()) {
      int tag = nextTag();
      if (tag < 0) {
        add(Kind.DATA, source.substring(position));
        position = source.length();
        break;
      }
      char kind = source.charAt(tag + 1);
      data(source.substring(position, tag), sign(tag + 2), kind != '{');
      position = tag + (sign(tag + 2) == 0 ? 2 : 3);
      switch (kind) {
        case '#' -> comment();
        case '{' -> expression(Kind.PRINT_BEGIN, Kind.PRINT_END, "}}");
        default -> {
          if (!raw()) {
            expression(Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}");
          }
        }
      }
    }
    add(Kind.END, "");
  }

  private int nextTag() {
    for (int at = source.indexOf('{', position); at >= 0; at = source.indexOf('{', at + 1)) {
      if (at + 1 < source.length() && "{%#".indexOf(source.charAt(at + 1)) >= 0) {
        return at;
      }
    }
    return -1;
  }

  /** The sign at an index, or 0. */
  private char sign(int at) {
    char c = at < source.length() ? source.charAt(at) : 0;
    return c == '-' || c == '+' ? c : 0;
  }

  private void data(String text, char sign, boolean mayStripLine) {
    String kept = text;
    if (sign == '-') {
      kept = Chars.stripEnd(text, Chars::isSpace);
    } else if (sign != '+' && mayStripLine) {
      int lineStart = text.lastIndexOf('\n') + 1;
      boolean beginsLine = lineStart > 0 || position == 0 || source.charAt(position - 1) == '\n';
      if (beginsLine && Chars.strip(text.substring(lineStart)).isEmpty()) {
        kept = text.substring(0, lineStart);
      }
    }
    add(Kind.DATA, kept);
  }

  private void add(Kind kind, String text) {
    if (kind != Kind.DATA || !text.isEmpty()) {
      tokens.add(new Token(kind, text, lineAt(position)));
    }
  }

  private int lineAt(int at) {
    for (; lineCountedTo < at; lineCountedTo++) {
      if (source.charAt(lineCountedTo) == '\n') {
        line++;
      }
    }
    return line;
  }

  private void comment() {
    int end = source.indexOf("#}", position);
    if (end < 0) {
      throw failure(lineAt(position), "a comment '{#' has no end '#}'");
    }
    char sign = end > position ? sign(end - 1) : 0;
    position = end + 2;
    skipAfterTag(sign);
  }

  private void skipAfterTag(char sign) {
    if (sign == '-') {
      skipSpace();
    } else if (sign != '+' && position < source.length() && source.charAt(position) == '\n') {
      position++;
    }
  }

  private void skipSpace() {
    while (position < source.length() && Chars.isSpace(source.charAt(position))) {
      position++;
    }
  }

  private void expression(Kind begin, Kind end, String closing) {
    add(begin, "");
    ExpressionScanner scanner = new ExpressionScanner(source, position, closing, this::lineAt);
    tokens.addAll(scanner.scan());
    position = scanner.end();
    add(end, "");
    if (begin == Kind.BLOCK_BEGIN) {
      skipAfterTag(scanner.closingSign());
    } else if (scanner.closingSign() == '-') {
      skipSpace();
    }
  }

  /** Reads {@code raw %}...{% endraw %}} as plain text, if this block is that. */
  private boolean raw() {
    int begin = wordAndClose(position, "raw");
    if (begin < 0) {
      return false;
    }
    int openedAt = lineAt(position);
    position = begin;
    if (source.charAt(begin - 3) == '-') {
      skipSpace();
    }
    for (int tag = source.indexOf("{%", position); tag >= 0; tag = source.indexOf("{%", tag + 1)) {
      char sign = sign(tag + 2);
      int end = wordAndClose(tag + (sign == 0 ? 2 : 3), "endraw");
      if (end >= 0) {
        data(source.substring(position, tag), sign, true);
        position = end;
        skipAfterTag(sign(end - 3));
        return true;
      }
    }
    throw failure(openedAt, "the block 'raw' has no end '{% endraw %}'");
  }

  /** Where a tag of one word ends, if that word and the tag's end stand at an index; or -1. */
  private int wordAndClose(int from, String word) {
    int at = afterSpace(from);
    if (!source.startsWith(word, at)) {
      return -1;
    }
    at = afterSpace(at + word.length());
    at += sign(at) == 0 ? 0 : 1;
    return source.startsWith("%}", at) ? at + 2 : -1;
  }

  private int afterSpace(int from) {
    int at = from;
    while (at < source.length() && Chars.isSpace(source.charAt(at))) {
      at++;
    }
    return at;
  }
}
