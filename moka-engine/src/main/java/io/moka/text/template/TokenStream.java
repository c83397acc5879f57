package io.moka.text.template;

import io.moka.ModelException;
import io.moka.text.template.Token.Kind;
import java.util.ArrayList;
import java.util.List;

/**
 * The tokens of a template, read once from front to back, and what both parsers keep while reading.
 */
final class TokenStream {
  /** Brackets, inline choices, signs and blocks within each other; far beyond any real template. */
  private static final int MAX_NESTING = 200;

  private record UnknownName(int line, String what) {}

  private final List<Token> tokens;
  private final List<UnknownName> unknownNames = new ArrayList<>();
  private int position;
  private int nesting;

  TokenStream(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token current() {
    return tokens.get(position);
  }

  Token following() {
    return tokens.get(Math.min(position + 1, tokens.size() - 1));
  }

  int line() {
    return current().line();
  }

  Token next() {
    Token token = current();
    if (!token.is(Kind.END)) {
      position++;
    }
    return token;
  }

  boolean skipOperator(String operator) {
    boolean found = current().isOperator(operator);
    if (found) {
      next();
    }
    return found;
  }

  boolean skipName(String name) {
    boolean found = current().isName(name);
    if (found) {
      next();
    }
    return found;
  }

  String expectName() {
    return expect(Kind.NAME, "a name").text();
  }

  Token expect(Kind kind, String what) {
    if (!current().is(kind)) {
      throw unexpected(what);
    }
    return next();
  }

  void expectOperator(String operator) {
    if (!skipOperator(operator)) {
      throw unexpected("'" + operator + "'");
    }
  }

  ModelException unexpected(String expected) {
    return failure("expected " + expected + ", found " + current().shown());
  }

  ModelException failure(String what) {
    return TemplateScanner.failure(line(), what);
  }

  /** Goes one level into the template; pair with {@link #leave}. */
  void enter() {
    if (++nesting > MAX_NESTING) {
      throw failure("brackets, choices or blocks nest more than " + MAX_NESTING + " deep");
    }
  }

  void leave() {
    nesting--;
  }

  /** Notes a filter or test that does not exist: an error unless some condition may avoid it. */
  void unknown(String what) {
    unknownNames.add(new UnknownName(line(), what));
  }

  /** How many unknown names have been met so far. */
  int unknownMark() {
    return unknownNames.size();
  }

  /**
   * Forgives the unknown names met since a mark; reaching them is then an error of the rendering.
   */
  void forgiveUnknown(int mark) {
    unknownNames.subList(mark, unknownNames.size()).clear();
  }

  /** Fails if unknown names remain. */
  void checkUnknown() {
    if (!unknownNames.isEmpty()) {
      UnknownName first = unknownNames.getFirst();
      throw TemplateScanner.failure(first.line(), first.what());
    }
  }
}
