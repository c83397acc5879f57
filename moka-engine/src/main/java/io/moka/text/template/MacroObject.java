package io.moka.text.template;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** A macro, or the body of a call block, as a value: calling it gives its text. */
final class MacroObject implements Value.Thing {
  /** Runs the body with its variables and returns its text. */
  interface Body {
    String run(Scope scope);
  }

  private final Budget budget;
  private final String name;
  private final Statement.Signature signature;
  private final Scope definedIn;
  private final ExpressionEvaluator expressions;
  private final Body body;

  MacroObject(
      Budget budget,
      String name,
      Statement.Signature signature,
      Scope definedIn,
      ExpressionEvaluator expressions,
      Body body) {
    this.budget = budget;
    this.name = name;
    this.signature = signature;
    this.definedIn = definedIn;
    this.expressions = expressions;
    this.body = body;
  }

  @Override
  public String typeName() {
    return "Macro";
  }

  @Override
  public Optional<Value> attribute(String attribute) {
    return switch (attribute) {
      case "name" -> Optional.of(Value.of(name));
      case "arguments" -> {
        List<Value> names = new ArrayList<>();
        signature.names().forEach(parameter -> names.add(Value.of(parameter)));
        yield Optional.of(new Value.Tuple(names));
      }
      case "catch_varargs" -> Optional.of(Value.of(signature.varargs()));
      case "catch_kwargs" -> Optional.of(Value.of(signature.kwargs()));
      case "caller" -> Optional.of(Value.of(signature.caller()));
      default -> Optional.empty();
    };
  }

  @Override
  public boolean callable() {
    return true;
  }

  @Override
  public Value call(Arguments arguments) {
    budget.enter();
    Value text = run(arguments);
    budget.leave();
    return text;
  }

  private Value run(Arguments arguments) {
    Scope scope = definedIn.inner();
    Map<String, Value> named = new LinkedHashMap<>(arguments.named());
    List<String> names = signature.names();
    int given = arguments.positional().size();
    for (int i = 0; i < names.size(); i++) {
      scope.set(names.get(i), argument(i, arguments, named, scope));
    }
    List<Value> rest = arguments.positional().subList(Math.min(given, names.size()), given);
    if (signature.caller() && !names.contains("caller")) {
      Value caller = named.remove("caller");
      scope.set("caller", caller == null ? new Value.Undefined("there is no caller") : caller);
    }
    if (signature.kwargs()) {
      Dict dict = new Dict();
      named.forEach(dict::put);
      scope.set("kwargs", dict);
    } else if (!named.isEmpty()) {
      throw new EvaluationError(
          "the macro '" + name + "' has no parameter '" + named.keySet().iterator().next() + "'");
    }
    if (signature.varargs()) {
      scope.set("varargs", new Value.Tuple(List.copyOf(rest)));
    } else if (!rest.isEmpty()) {
      throw new EvaluationError(
          "the macro '" + name + "' takes " + names.size() + " arguments, not " + given);
    }
    return Value.of(body.run(scope));
  }

  private Value argument(int i, Arguments arguments, Map<String, Value> named, Scope scope) {
    String parameter = signature.names().get(i);
    if (i < arguments.positional().size()) {
      return arguments.positional().get(i);
    }
    Value byName = named.remove(parameter);
    if (byName != null) {
      return byName;
    }
    int fromDefaults = i - (signature.names().size() - signature.defaults().size());
    return fromDefaults < 0
        ? new Value.Undefined("the parameter '" + parameter + "' was not given")
        : expressions.evaluate(signature.defaults().get(fromDefaults), scope);
  }
}
