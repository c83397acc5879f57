package io.moka.text.template;

import io.moka.TemplateException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The functions that every template can call: Jinja2's and those of Hugging Face transformers. */
final class Globals {
  /** The longest range, as in Jinja2's sandbox. */
  private static final int MAX_RANGE = 100_000;

  private Globals() {}

  static void define(Environment environment, Scope scope) {
    function(scope, "range", Globals::range);
    function(scope, "dict", arguments -> dict(environment.budget(), arguments));
    function(scope, "namespace", arguments -> namespace(dict(environment.budget(), arguments)));
    function(scope, "cycler", arguments -> new Cycler(arguments.positional()));
    function(scope, "joiner", Globals::joiner);
    function(scope, "raise_exception", arguments -> raise(environment, arguments));
    function(scope, "strftime_now", arguments -> now(environment, arguments));
  }

  private static void function(Scope scope, String name, Value.Function.Body body) {
    scope.set(name, new Value.Function(name, body));
  }

  private static Value raise(Environment environment, Arguments arguments) {
    Value message = arguments.bind("raise_exception", 1, "message").get("message");
    throw new TemplateException(PythonText.str(environment.budget(), message));
  }

  private static Value now(Environment environment, Arguments arguments) {
    Arguments.Bound bound = arguments.bind("strftime_now", 1, "format");
    String format =
        bound.text("format").orElseThrow(() -> bound.wrong("format", "text", Value.NONE));
    environment.budget().text(format.length() * 16L);
    return Value.of(TimeFormat.format(environment.clock(), format));
  }

  private static Value range(Arguments arguments) {
    Arguments.Bound bound = arguments.bind("range", 1, "start", "stop", "step");
    boolean alone = bound.find("stop").isEmpty();
    long start = alone ? 0 : bound.integer("start", 0);
    long stop = bound.integer(alone ? "start" : "stop", 0);
    long step = bound.integer("step", 1);
    if (step == 0) {
      throw new EvaluationError("range() needs a step other than 0");
    }
    long span = step > 0 ? stop - start : start - stop;
    long length = span <= 0 ? 0 : (span - 1) / Math.abs(step) + 1;
    if (length > MAX_RANGE) {
      throw new EvaluationError("range() makes at most " + MAX_RANGE + " numbers");
    }
    return new Value.Range(start, stop, step, (int) length);
  }

  private static Dict dict(Budget budget, Arguments arguments) {
    Dict dict = new Dict();
    Value from =
        new Arguments(arguments.positional(), Map.of())
            .bind("dict", 0, "from")
            .find("from")
            .orElse(dict);
    if (from instanceof Dict other) {
      other.entries().forEach(entry -> dict.put(entry.key(), entry.value()));
    } else {
      for (Value pair : Types.items(budget, from)) {
        List<Value> both = Types.items(budget, pair);
        if (both.size() != 2) {
          throw new EvaluationError("dict() needs pairs");
        }
        dict.put(both.get(0), both.get(1));
      }
    }
    budget.steps(dict.size());
    arguments.named().forEach(dict::put);
    return dict;
  }

  private static Value namespace(Dict dict) {
    Map<String, Value> attributes = new LinkedHashMap<>();
    for (Dict.Entry entry : dict.entries()) {
      if (entry.key() instanceof Value.Text name) {
        attributes.put(name.value(), entry.value());
      }
    }
    return new Value.Namespace(attributes);
  }

  private static Value joiner(Arguments arguments) {
    Value separator = arguments.bind("joiner", 0, "sep").find("sep").orElse(Value.of(", "));
    return new Joiner(separator);
  }

  /** Gives nothing at its first call and the separator at all later ones. */
  private static final class Joiner implements Value.Thing {
    private final Value separator;
    private boolean used;

    Joiner(Value separator) {
      this.separator = separator;
    }

    @Override
    public String typeName() {
      return "Joiner";
    }

    @Override
    public Optional<Value> attribute(String name) {
      return Optional.empty();
    }

    @Override
    public boolean callable() {
      return true;
    }

    @Override
    public Value call(Arguments arguments) {
      Value result = used ? separator : Value.of("");
      used = true;
      return result;
    }
  }

  /** Gives its items in turn, again and again. */
  private static final class Cycler implements Value.Thing {
    private final List<Value> items;
    private int position;

    Cycler(List<Value> items) {
      if (items.isEmpty()) {
        throw new EvaluationError("cycler() needs items");
      }
      this.items = items;
    }

    @Override
    public String typeName() {
      return "Cycler";
    }

    @Override
    public Optional<Value> attribute(String name) {
      return switch (name) {
        case "current" -> Optional.of(items.get(position));
        case "next" -> Optional.of(new Value.Function(name, arguments -> next()));
        case "reset" -> Optional.of(new Value.Function(name, arguments -> reset()));
        default -> Optional.empty();
      };
    }

    private Value next() {
      Value current = items.get(position);
      position = (position + 1) % items.size();
      return current;
    }

    private Value reset() {
      position = 0;
      return Value.NONE;
    }
  }
}
