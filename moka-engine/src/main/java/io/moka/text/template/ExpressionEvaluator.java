package io.moka.text.template;

import io.moka.text.template.Expression.CallArguments;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Computes expressions. */
final class ExpressionEvaluator {
  private final Environment environment;
  private final Budget budget;

  ExpressionEvaluator(Environment environment) {
    this.environment = environment;
    this.budget = environment.budget();
  }

  Value evaluate(Expression expression, Scope scope) {
    budget.enter();
    Value value = compute(expression, scope);
    budget.leave();
    return value;
  }

  boolean truth(Expression expression, Scope scope) {
    return Types.truth(evaluate(expression, scope));
  }

  // One short method for each kind: this frame lies on the stack at every level of nesting.
  private Value compute(Expression expression, Scope scope) {
    return switch (expression) {
      case Expression.Literal literal -> literal.value();
      case Expression.Name name -> scope.get(name.name());
      case Expression.ListOf list -> new Value.ListValue(evaluateAll(list.items(), scope));
      case Expression.TupleOf tuple -> new Value.Tuple(evaluateAll(tuple.items(), scope));
      case Expression.DictOf dict -> dict(dict, scope);
      case Expression.Attribute attribute ->
          Lookup.attribute(environment, evaluate(attribute.object(), scope), attribute.name());
      case Expression.Item item -> item(item, scope);
      case Expression.Slice slice -> throw new EvaluationError("a slice has no place here");
      case Expression.Call call -> call(call, Optional.empty(), scope);
      case Expression.Filter filter ->
          filter(filter.name(), evaluate(filter.input(), scope), filter.arguments(), scope);
      case Expression.Test test -> test(test, scope);
      case Expression.Not not -> Value.of(!truth(not.operand(), scope));
      case Expression.Sign sign ->
          Arithmetic.sign(sign.negative(), evaluate(sign.operand(), scope));
      case Expression.Binary binary -> binary(binary, scope);
      case Expression.Concat concat -> concat(concat, scope);
      case Expression.And and -> and(and, scope);
      case Expression.Or or -> or(or, scope);
      case Expression.Compare compare -> compare(compare, scope);
      case Expression.Choice choice -> choice(choice, scope);
    };
  }

  private Value test(Expression.Test test, Scope scope) {
    Value input = evaluate(test.input(), scope);
    Arguments arguments = arguments(test.arguments(), scope).build();
    return Value.of(Tests.holds(environment, test.name(), input, arguments));
  }

  private Value binary(Expression.Binary binary, Scope scope) {
    Value left = evaluate(binary.left(), scope);
    Value right = evaluate(binary.right(), scope);
    return Arithmetic.apply(budget, binary.operator(), left, right);
  }

  private Value and(Expression.And and, Scope scope) {
    Value left = evaluate(and.left(), scope);
    return Types.truth(left) ? evaluate(and.right(), scope) : left;
  }

  private Value or(Expression.Or or, Scope scope) {
    Value left = evaluate(or.left(), scope);
    return Types.truth(left) ? left : evaluate(or.right(), scope);
  }

  private List<Value> evaluateAll(List<Expression> expressions, Scope scope) {
    List<Value> values = new ArrayList<>(expressions.size());
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return values;
  }

  private Value dict(Expression.DictOf written, Scope scope) {
    Dict dict = new Dict();
    for (Expression.Pair pair : written.pairs()) {
      Value key = evaluate(pair.key(), scope);
      dict.put(key, evaluate(pair.value(), scope));
    }
    return dict;
  }

  private Value item(Expression.Item item, Scope scope) {
    Value object = evaluate(item.object(), scope);
    if (item.key() instanceof Expression.Slice slice) {
      Value start = bound(slice.start(), scope);
      Value stop = bound(slice.stop(), scope);
      return Lookup.slice(budget, object, start, stop, bound(slice.step(), scope));
    }
    return Lookup.item(environment, object, evaluate(item.key(), scope));
  }

  private Value bound(Optional<Expression> bound, Scope scope) {
    return bound.isPresent() ? evaluate(bound.get(), scope) : Value.NONE;
  }

  /** Calls a function, with the body of a call block as a further argument if there is one. */
  Value call(Expression.Call call, Optional<Value> caller, Scope scope) {
    Value callee = evaluate(call.callee(), scope);
    Arguments.Builder builder = arguments(call.arguments(), scope);
    caller.ifPresent(body -> builder.add("caller", body));
    Arguments arguments = builder.build();
    Lookup.requireDefined(callee);
    return switch (callee) {
      case Value.Function function -> function.body().call(arguments);
      case Value.Thing thing -> thing.call(arguments);
      default -> throw new EvaluationError("a " + Types.name(callee) + " cannot be called");
    };
  }

  /** Applies a filter to a value. */
  Value filter(String name, Value input, CallArguments arguments, Scope scope) {
    return Filters.apply(environment, name, input, arguments(arguments, scope).build());
  }

  private Arguments.Builder arguments(CallArguments written, Scope scope) {
    Arguments.Builder arguments = new Arguments.Builder();
    for (Expression argument : written.positional()) {
      arguments.add(evaluate(argument, scope));
    }
    for (Expression.NamedArgument argument : written.named()) {
      arguments.add(argument.name(), evaluate(argument.value(), scope));
    }
    if (written.restList().isPresent()) {
      Types.items(budget, evaluate(written.restList().get(), scope)).forEach(arguments::add);
    }
    if (written.restMapping().isPresent()) {
      if (!(evaluate(written.restMapping().get(), scope) instanceof Dict dict)) {
        throw new EvaluationError("'**' needs a mapping");
      }
      for (Dict.Entry entry : dict.entries()) {
        if (!(entry.key() instanceof Value.Text name)) {
          throw new EvaluationError("'**' needs text as keys");
        }
        budget.step();
        arguments.add(name.value(), entry.value());
      }
    }
    return arguments;
  }

  private Value concat(Expression.Concat concat, Scope scope) {
    List<String> parts = new ArrayList<>(concat.parts().size());
    for (Value part : evaluateAll(concat.parts(), scope)) {
      parts.add(PythonText.str(budget, part));
    }
    return Value.of(Texts.join(budget, "", parts));
  }

  private Value compare(Expression.Compare compare, Scope scope) {
    Value left = evaluate(compare.first(), scope);
    for (Expression.Comparison comparison : compare.rest()) {
      Value right = evaluate(comparison.operand(), scope);
      if (!Comparisons.holds(budget, comparison.relation(), left, right)) {
        return Value.FALSE;
      }
      left = right;
    }
    return Value.TRUE;
  }

  private Value choice(Expression.Choice choice, Scope scope) {
    if (truth(choice.test(), scope)) {
      return evaluate(choice.then(), scope);
    }
    return choice.otherwise().isPresent()
        ? evaluate(choice.otherwise().get(), scope)
        : new Value.Undefined("an inline 'if' without 'else' gave no value");
  }
}
