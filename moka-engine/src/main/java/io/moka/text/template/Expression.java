package io.moka.text.template;

import java.util.List;
import java.util.Optional;

/** An expression of a template: what has a value. */
sealed interface Expression {

  /** A value written in the template. */
  record Literal(Value value) implements Expression {}

  /** A variable. */
  record Name(String name) implements Expression {}

  /** {@code [a, b]}. */
  record ListOf(List<Expression> items) implements Expression {}

  /** {@code (a, b)}. */
  record TupleOf(List<Expression> items) implements Expression {}

  /** {@code {a: b}}. */
  record DictOf(List<Pair> pairs) implements Expression {}

  /** One entry of a written mapping. */
  record Pair(Expression key, Expression value) {}

  /** {@code object.name}: the attribute first, then the entry. */
  record Attribute(Expression object, String name) implements Expression {}

  /** {@code object[key]}: the entry first, then the attribute. */
  record Item(Expression object, Expression key) implements Expression {}

  /** {@code start:stop:step} within brackets. */
  record Slice(Optional<Expression> start, Optional<Expression> stop, Optional<Expression> step)
      implements Expression {}

  /** A call of a function, method or macro. */
  record Call(Expression callee, CallArguments arguments) implements Expression {}

  /** {@code input | name(arguments)}; a filter block has no input of its own. */
  record Filter(Expression input, String name, CallArguments arguments) implements Expression {}

  /** {@code input is name(arguments)}. */
  record Test(Expression input, String name, CallArguments arguments) implements Expression {}

  /** {@code not operand}. */
  record Not(Expression operand) implements Expression {}

  /** {@code -operand} or {@code +operand}. */
  record Sign(boolean negative, Expression operand) implements Expression {}

  /** Arithmetic. */
  record Binary(Operator operator, Expression left, Expression right) implements Expression {}

  /** {@code a ~ b ~ c}. */
  record Concat(List<Expression> parts) implements Expression {}

  /** {@code left and right}. */
  record And(Expression left, Expression right) implements Expression {}

  /** {@code left or right}. */
  record Or(Expression left, Expression right) implements Expression {}

  /** {@code a < b <= c}: all hold, each operand computed once. */
  record Compare(Expression first, List<Comparison> rest) implements Expression {}

  /** One comparison of a chain. */
  record Comparison(Relation relation, Expression operand) {}

  /** {@code then if test else otherwise}. */
  record Choice(Expression test, Expression then, Optional<Expression> otherwise)
      implements Expression {}

  /** The arguments that a call lists, with {@code *list} and {@code **mapping}. */
  record CallArguments(
      List<Expression> positional,
      List<NamedArgument> named,
      Optional<Expression> restList,
      Optional<Expression> restMapping) {
    static final CallArguments NONE =
        new CallArguments(List.of(), List.of(), Optional.empty(), Optional.empty());
  }

  /** {@code name=value} in a call. */
  record NamedArgument(String name, Expression value) {}

  /** The arithmetic operators. */
  enum Operator {
    ADD("+"),
    SUBTRACT("-"),
    MULTIPLY("*"),
    DIVIDE("/"),
    FLOOR_DIVIDE("//"),
    MODULO("%"),
    POWER("**");

    private final String symbol;

    Operator(String symbol) {
      this.symbol = symbol;
    }

    String symbol() {
      return symbol;
    }
  }

  /** The comparisons. */
  enum Relation {
    EQUAL("=="),
    NOT_EQUAL("!="),
    LESS("<"),
    LESS_OR_EQUAL("<="),
    GREATER(">"),
    GREATER_OR_EQUAL(">="),
    IN("in"),
    NOT_IN("not in");

    private final String symbol;

    Relation(String symbol) {
      this.symbol = symbol;
    }

    String symbol() {
      return symbol;
    }
  }
}
