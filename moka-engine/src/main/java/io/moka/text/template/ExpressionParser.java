package io.moka.text.template;

import io.moka.text.template.Expression.CallArguments;
import io.moka.text.template.Expression.Operator;
import io.moka.text.template.Expression.Relation;
import io.moka.text.template.Token.Kind;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Reads expressions. Each method is one level of precedence, the loosest first; the order is
 * Jinja2's, where {@code ~} binds tighter than {@code +} and a filter tighter than any operator but
 * the sign.
 */
final class ExpressionParser {
  private final TokenStream tokens;

  /** Variables that a macro gets only if its body reads them. */
  static final Set<String> SPECIAL_NAMES = Set.of("varargs", "kwargs", "caller");

  private final Set<String> specialNamesRead = new HashSet<>();

  ExpressionParser(TokenStream tokens) {
    this.tokens = tokens;
  }

  /** Which of the special names have been read so far. */
  Set<String> specialNamesRead() {
    return specialNamesRead;
  }

  /** An expression with inline choices. */
  Expression expression() {
    tokens.enter();
    int mark = tokens.unknownMark();
    Expression value = or();
    while (tokens.skipName("if")) {
      Expression test = or();
      Optional<Expression> otherwise =
          tokens.skipName("else") ? Optional.of(expression()) : Optional.empty();
      tokens.forgiveUnknown(mark);
      value = new Expression.Choice(test, value, otherwise);
    }
    tokens.leave();
    return value;
  }

  /**
   * One expression, or several with commas between them as a tuple.
   *
   * @param choices whether items may be inline choices
   * @param endName a name that ends the tuple, or nothing
   */
  Expression tuple(boolean choices, String endName) {
    return tuple(choices, endName, false);
  }

  private Expression tuple(boolean choices, String endName, boolean mayBeEmpty) {
    List<Expression> items = new ArrayList<>();
    boolean comma = false;
    while (!atTupleEnd(endName)) {
      items.add(choices ? expression() : or());
      if (!tokens.skipOperator(",")) {
        break;
      }
      comma = true;
    }
    if (items.isEmpty() && !mayBeEmpty) {
      throw tokens.unexpected("an expression");
    }
    return items.size() == 1 && !comma ? items.getFirst() : new Expression.TupleOf(items);
  }

  private boolean atTupleEnd(String endName) {
    Token token = tokens.current();
    return token.is(Kind.PRINT_END)
        || token.is(Kind.BLOCK_END)
        || token.isOperator(")")
        || !endName.isEmpty() && token.isName(endName);
  }

  private Expression or() {
    Expression left = and();
    while (tokens.skipName("or")) {
      left = new Expression.Or(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (tokens.skipName("and")) {
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    if (!tokens.skipName("not")) {
      return comparison();
    }
    tokens.enter();
    Expression operand = not();
    tokens.leave();
    return new Expression.Not(operand);
  }

  private Expression comparison() {
    Expression first = sum();
    List<Expression.Comparison> rest = new ArrayList<>();
    for (Optional<Relation> relation = relation(); relation.isPresent(); relation = relation()) {
      rest.add(new Expression.Comparison(relation.get(), sum()));
    }
    return rest.isEmpty() ? first : new Expression.Compare(first, rest);
  }

  private Optional<Relation> relation() {
    if (tokens.skipName("in")) {
      return Optional.of(Relation.IN);
    }
    if (tokens.current().isName("not") && tokens.following().isName("in")) {
      tokens.next();
      tokens.next();
      return Optional.of(Relation.NOT_IN);
    }
    for (Relation relation : Relation.values()) {
      if (tokens.skipOperator(relation.symbol())) {
        return Optional.of(relation);
      }
    }
    return Optional.empty();
  }

  private Expression sum() {
    Expression left = concat();
    while (true) {
      Optional<Operator> operator = operator(Operator.ADD, Operator.SUBTRACT);
      if (operator.isEmpty()) {
        return left;
      }
      left = new Expression.Binary(operator.get(), left, concat());
    }
  }

  private Expression concat() {
    Expression first = product();
    if (!tokens.current().isOperator("~")) {
      return first;
    }
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (tokens.skipOperator("~")) {
      parts.add(product());
    }
    return new Expression.Concat(parts);
  }

  private Expression product() {
    Expression left = power();
    while (true) {
      Optional<Operator> operator =
          operator(Operator.MULTIPLY, Operator.DIVIDE, Operator.FLOOR_DIVIDE, Operator.MODULO);
      if (operator.isEmpty()) {
        return left;
      }
      left = new Expression.Binary(operator.get(), left, power());
    }
  }

  private Expression power() {
    Expression left = unary(true);
    while (tokens.skipOperator("**")) {
      left = new Expression.Binary(Operator.POWER, left, unary(true));
    }
    return left;
  }

  private Optional<Operator> operator(Operator... choices) {
    for (Operator operator : choices) {
      if (tokens.skipOperator(operator.symbol())) {
        return Optional.of(operator);
      }
    }
    return Optional.empty();
  }

  private Expression unary(boolean filters) {
    Expression value;
    if (tokens.current().isOperator("-") || tokens.current().isOperator("+")) {
      boolean negative = tokens.next().text().equals("-");
      tokens.enter();
      value = new Expression.Sign(negative, unary(false));
      tokens.leave();
    } else {
      value = primary();
    }
    value = postfix(value);
    return filters ? filtersAndTests(value) : value;
  }

  private Expression primary() {
    Token token = tokens.current();
    return switch (token.kind()) {
      case NAME -> name(tokens.next().text());
      case STRING -> {
        StringBuilder text = new StringBuilder();
        while (tokens.current().is(Kind.STRING)) {
          text.append(tokens.next().text());
        }
        yield new Expression.Literal(Value.of(text.toString()));
      }
      case INTEGER -> new Expression.Literal(integer());
      case FLOAT -> {
        double value =
            Numbers.parseReal(token.text())
                .orElseThrow(() -> tokens.failure("a number has too many digits"));
        tokens.next();
        yield new Expression.Literal(new Value.Real(value));
      }
      case OPERATOR -> bracket(token);
      default -> throw tokens.unexpected("an expression");
    };
  }

  private Value integer() {
    Value value =
        Numbers.parseWhole(tokens.current().text(), 0)
            .<Value>map(Value.Int::new)
            .orElseThrow(() -> tokens.failure("an integer has too many digits"));
    tokens.next();
    return value;
  }

  private Expression name(String name) {
    return switch (name) {
      case "true", "True" -> new Expression.Literal(Value.TRUE);
      case "false", "False" -> new Expression.Literal(Value.FALSE);
      case "none", "None" -> new Expression.Literal(Value.NONE);
      default -> {
        if (SPECIAL_NAMES.contains(name)) {
          specialNamesRead.add(name);
        }
        yield new Expression.Name(name);
      }
    };
  }

  private Expression bracket(Token token) {
    if (tokens.skipOperator("(")) {
      Expression inner = tuple(true, "", true);
      tokens.expectOperator(")");
      return inner;
    }
    if (tokens.skipOperator("[")) {
      List<Expression> items = new ArrayList<>();
      while (!tokens.skipOperator("]")) {
        separator(items.isEmpty());
        if (!tokens.current().isOperator("]")) {
          items.add(expression());
        }
      }
      return new Expression.ListOf(items);
    }
    if (tokens.skipOperator("{")) {
      List<Expression.Pair> pairs = new ArrayList<>();
      while (!tokens.skipOperator("}")) {
        separator(pairs.isEmpty());
        if (!tokens.current().isOperator("}")) {
          Expression key = expression();
          tokens.expectOperator(":");
          pairs.add(new Expression.Pair(key, expression()));
        }
      }
      return new Expression.DictOf(pairs);
    }
    throw tokens.unexpected("an expression");
  }

  private void separator(boolean first) {
    if (!first) {
      tokens.expectOperator(",");
    }
  }

  private Expression postfix(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.skipOperator(".")) {
        if (tokens.current().is(Kind.INTEGER)) {
          value = new Expression.Item(value, new Expression.Literal(integer()));
        } else {
          value = new Expression.Attribute(value, tokens.expectName());
        }
      } else if (tokens.skipOperator("[")) {
        value = new Expression.Item(value, subscript());
      } else if (tokens.current().isOperator("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  private Expression subscript() {
    List<Expression> keys = new ArrayList<>();
    while (!tokens.skipOperator("]")) {
      separator(keys.isEmpty());
      keys.add(sliceOrKey());
    }
    return keys.size() == 1 ? keys.getFirst() : new Expression.TupleOf(keys);
  }

  private Expression sliceOrKey() {
    Optional<Expression> start = sliceBound();
    if (start.isPresent() && !tokens.current().isOperator(":")) {
      return start.get();
    }
    tokens.expectOperator(":");
    Optional<Expression> stop = sliceBound();
    Optional<Expression> step = tokens.skipOperator(":") ? sliceBound() : Optional.empty();
    return new Expression.Slice(start, stop, step);
  }

  private Optional<Expression> sliceBound() {
    Token token = tokens.current();
    boolean absent = token.isOperator(":") || token.isOperator("]") || token.isOperator(",");
    return absent ? Optional.empty() : Optional.of(expression());
  }

  private Expression filtersAndTests(Expression start) {
    Expression value = start;
    while (true) {
      if (tokens.current().isOperator("|")) {
        Statement.FilterCall filter = filterCall();
        value = new Expression.Filter(value, filter.name(), filter.arguments());
      } else if (tokens.skipName("is")) {
        value = test(value);
      } else if (tokens.current().isOperator("(")) {
        value = new Expression.Call(value, arguments());
      } else {
        return value;
      }
    }
  }

  /** Filters after a bar each, none or more. */
  List<Statement.FilterCall> filterCalls() {
    List<Statement.FilterCall> filters = new ArrayList<>();
    while (tokens.current().isOperator("|")) {
      filters.add(filterCall());
    }
    return filters;
  }

  private Statement.FilterCall filterCall() {
    tokens.expectOperator("|");
    return namedFilter();
  }

  /** A filter's name and its arguments. */
  Statement.FilterCall namedFilter() {
    String name = dottedName();
    if (!Filters.exists(name)) {
      tokens.unknown("there is no filter '" + name + "'");
    }
    CallArguments arguments = tokens.current().isOperator("(") ? arguments() : CallArguments.NONE;
    return new Statement.FilterCall(name, arguments);
  }

  private String dottedName() {
    String name = tokens.expectName();
    if (!tokens.current().isOperator(".")) {
      return name;
    }
    StringBuilder dotted = new StringBuilder(name);
    while (tokens.skipOperator(".")) {
      dotted.append('.').append(tokens.expectName());
    }
    return dotted.toString();
  }

  private Expression test(Expression input) {
    boolean negated = tokens.skipName("not");
    String name = dottedName();
    if (!Tests.exists(name)) {
      tokens.unknown("there is no test '" + name + "'");
    }
    CallArguments arguments = CallArguments.NONE;
    if (tokens.current().isOperator("(")) {
      arguments = arguments();
    } else if (atTestOperand()) {
      if (tokens.current().isName("is")) {
        throw tokens.failure("tests cannot follow each other; join them by 'and'");
      }
      // Without brackets a test takes one operand, as in "is divisibleby 3".
      tokens.enter();
      Expression operand = postfix(primary());
      tokens.leave();
      arguments =
          new CallArguments(List.of(operand), List.of(), Optional.empty(), Optional.empty());
    }
    Expression test = new Expression.Test(input, name, arguments);
    return negated ? new Expression.Not(test) : test;
  }

  private boolean atTestOperand() {
    Token token = tokens.current();
    return switch (token.kind()) {
      case NAME -> !token.isName("else") && !token.isName("or") && !token.isName("and");
      case STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> token.isOperator("[") || token.isOperator("{");
      default -> false;
    };
  }

  /** The arguments of a call, brackets included. */
  CallArguments arguments() {
    List<Expression> positional = new ArrayList<>();
    List<Expression.NamedArgument> named = new ArrayList<>();
    Optional<Expression> restList = Optional.empty();
    Optional<Expression> restMapping = Optional.empty();
    tokens.expectOperator("(");
    boolean first = true;
    while (!tokens.skipOperator(")")) {
      separator(first);
      first = false;
      if (tokens.current().isOperator(")")) {
        continue;
      }
      if (restMapping.isPresent()) {
        throw tokens.failure("an argument follows '**'");
      }
      if (tokens.current().isOperator("*") && restList.isEmpty()) {
        tokens.next();
        restList = Optional.of(expression());
      } else if (tokens.skipOperator("**")) {
        restMapping = Optional.of(expression());
      } else if (tokens.current().is(Kind.NAME) && tokens.following().isOperator("=")) {
        String name = tokens.expectName();
        tokens.next();
        named.add(new Expression.NamedArgument(name, expression()));
      } else if (named.isEmpty() && restList.isEmpty()) {
        positional.add(expression());
      } else {
        throw tokens.failure("an argument without a name follows named ones");
      }
    }
    return new CallArguments(positional, named, restList, restMapping);
  }
}
