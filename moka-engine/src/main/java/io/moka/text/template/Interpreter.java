package io.moka.text.template;

import io.moka.text.template.Statement.Target;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.UnaryOperator;

/** Runs a template's statements once. */
final class Interpreter {
  /** How a statement ended. */
  private enum Flow {
    ON,
    BREAK,
    CONTINUE
  }

  private final Budget budget;
  private final ExpressionEvaluator expressions;
  private StringBuilder output = new StringBuilder();
  private int line = 1;

  Interpreter(Environment environment) {
    this.budget = environment.budget();
    this.expressions = new ExpressionEvaluator(environment);
  }

  /** The line of the statement that runs, or ran last. */
  int line() {
    return line;
  }

  /** Runs a body and returns what it writes. */
  String run(List<Statement> body, Scope scope) {
    StringBuilder before = output;
    int lineBefore = line;
    output = new StringBuilder();
    execute(body, scope);
    String text = output.toString();
    output = before;
    line = lineBefore;
    return text;
  }

  private Flow execute(List<Statement> body, Scope scope) {
    for (Statement statement : body) {
      line = statement.line();
      budget.enter();
      Flow flow = execute(statement, scope);
      budget.leave();
      if (flow != Flow.ON) {
        return flow;
      }
    }
    return Flow.ON;
  }

  // One short method for each kind: this frame lies on the stack at every level of nesting.
  private Flow execute(Statement statement, Scope scope) {
    return switch (statement) {
      case Statement.Data data -> write(data.text());
      case Statement.Print print -> print(expressions.evaluate(print.value(), scope));
      case Statement.If branches -> branches(branches, scope);
      case Statement.For loop -> loop(loop, expressions.evaluate(loop.items(), scope), 0, scope);
      case Statement.Break end -> Flow.BREAK;
      case Statement.Continue next -> Flow.CONTINUE;
      case Statement.Set set ->
          assign(set.target(), expressions.evaluate(set.value(), scope), scope);
      case Statement.SetBlock set ->
          assign(set.target(), block(set.filters(), set.body(), scope), scope);
      case Statement.Macro macro ->
          define(
              macro.name(), function(macro.name(), macro.signature(), macro.body(), scope), scope);
      case Statement.CallBlock block -> call(block, scope);
      case Statement.FilterBlock block -> print(block(block.filters(), block.body(), scope));
      case Statement.Scoped scoped -> scoped(scoped, scope);
    };
  }

  private Flow print(Value value) {
    return write(PythonText.str(budget, value));
  }

  private Flow branches(Statement.If branches, Scope scope) {
    for (Statement.Branch branch : branches.branches()) {
      if (expressions.truth(branch.test(), scope)) {
        return execute(branch.body(), scope);
      }
    }
    return Flow.ON;
  }

  private Value block(List<Statement.FilterCall> filters, List<Statement> body, Scope scope) {
    Scope inner = scope.inner();
    Value value = Value.of(run(body, inner));
    for (Statement.FilterCall filter : filters) {
      value = expressions.filter(filter.name(), value, filter.arguments(), inner);
    }
    return value;
  }

  private Flow define(String name, Value value, Scope scope) {
    scope.set(name, value);
    return Flow.ON;
  }

  private Flow call(Statement.CallBlock block, Scope scope) {
    Value caller = function("caller", block.signature(), block.body(), scope);
    return print(expressions.call(block.call(), Optional.of(caller), scope));
  }

  private Flow scoped(Statement.Scoped scoped, Scope scope) {
    Scope inner = scope.inner();
    for (Statement.Binding binding : scoped.bindings()) {
      assign(binding.target(), expressions.evaluate(binding.value(), scope), inner);
    }
    return execute(scoped.body(), inner);
  }

  private Flow write(String text) {
    if (text.length() > Budget.MAX_TEXT - output.length()) {
      budget.text((long) output.length() + text.length());
    }
    budget.text(text.length());
    output.append(text);
    return Flow.ON;
  }

  private Value function(
      String name, Statement.Signature signature, List<Statement> body, Scope scope) {
    return new MacroObject(budget, name, signature, scope, expressions, inner -> run(body, inner));
  }

  private Flow assign(Target target, Value value, Scope scope) {
    switch (target) {
      case Target.Variable variable -> scope.set(variable.name(), value);
      case Target.NamespaceAttribute attribute -> {
        if (!(scope.get(attribute.namespace()) instanceof Value.Namespace namespace)) {
          throw new EvaluationError(
              "'"
                  + attribute.namespace()
                  + "' is no namespace, so '"
                  + attribute.name()
                  + "' cannot be set in it");
        }
        namespace.attributes().put(attribute.name(), value);
      }
      case Target.Unpacked unpacked -> {
        Lookup.requireDefined(value);
        List<Value> items = Types.items(budget, value);
        List<Target> targets = unpacked.targets();
        if (items.size() != targets.size()) {
          throw new EvaluationError(
              items.size() + " values cannot be unpacked into " + targets.size() + " variables");
        }
        for (int i = 0; i < targets.size(); i++) {
          assign(targets.get(i), items.get(i), scope);
        }
      }
    }
    return Flow.ON;
  }

  private Flow loop(Statement.For loop, Value iterable, int depth, Scope scope) {
    List<Value> items = chosen(loop, Types.items(budget, iterable), scope);
    Optional<UnaryOperator<Value>> recursion =
        loop.recursive()
            ? Optional.of(inner -> Value.of(recursed(loop, inner, depth + 1, scope)))
            : Optional.empty();
    LoopObject state = new LoopObject(budget, items, depth, recursion);
    for (int i = 0; i < items.size(); i++) {
      state.moveTo(i);
      Scope inner = scope.inner();
      inner.set("loop", state);
      assign(loop.target(), items.get(i), inner);
      if (execute(loop.body(), inner) == Flow.BREAK) {
        break;
      }
    }
    return items.isEmpty() ? execute(loop.otherwise(), scope.inner()) : Flow.ON;
  }

  private String recursed(Statement.For loop, Value iterable, int depth, Scope scope) {
    StringBuilder before = output;
    output = new StringBuilder();
    budget.enter();
    loop(loop, iterable, depth, scope);
    budget.leave();
    String text = output.toString();
    output = before;
    return text;
  }

  private List<Value> chosen(Statement.For loop, List<Value> items, Scope scope) {
    if (loop.test().isEmpty()) {
      return items;
    }
    List<Value> chosen = new ArrayList<>();
    for (Value item : items) {
      Scope inner = scope.inner();
      assign(loop.target(), item, inner);
      if (expressions.truth(loop.test().get(), inner)) {
        chosen.add(item);
      }
    }
    return chosen;
  }
}
