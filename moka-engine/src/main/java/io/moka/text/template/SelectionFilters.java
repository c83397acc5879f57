package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Filters that change or choose each item by itself. */
final class SelectionFilters {
  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("map", SelectionFilters::map),
          entry("select", (env, in, args) -> choose(env, in, args, true, false)),
          entry("reject", (env, in, args) -> choose(env, in, args, false, false)),
          entry("selectattr", (env, in, args) -> choose(env, in, args, true, true)),
          entry("rejectattr", (env, in, args) -> choose(env, in, args, false, true)));

  private SelectionFilters() {}

  private static Value map(Environment env, Value in, Arguments args) {
    List<Value> mapped = new ArrayList<>();
    if (args.positional().isEmpty()) {
      Arguments.Bound bound = args.bind("map", 0, "attribute", "default");
      if (bound.find("attribute").isEmpty()) {
        throw new EvaluationError("map needs the name of a filter, or an attribute");
      }
      AttributePath path = AttributePath.of(bound.get("attribute"));
      Optional<Value> missing = bound.unlessNone("default");
      for (Value item : Types.items(env.budget(), in)) {
        mapped.add(path.get(env, item, missing));
      }
    } else {
      String filter = name(args.positional().getFirst(), "filter");
      Arguments rest = args.from(1);
      for (Value item : Types.items(env.budget(), in)) {
        mapped.add(Filters.apply(env, filter, item, rest));
      }
    }
    return new Value.Generator(mapped);
  }

  private static String name(Value value, String what) {
    if (value instanceof Value.Text text) {
      return text.value();
    }
    throw new EvaluationError("the name of a " + what + " is a " + Types.name(value));
  }

  private static Value choose(
      Environment env, Value in, Arguments args, boolean wanted, boolean byAttribute) {
    if (byAttribute && args.positional().isEmpty()) {
      throw new EvaluationError("selectattr and rejectattr need an attribute");
    }
    AttributePath path =
        byAttribute ? AttributePath.of(args.positional().getFirst()) : new AttributePath(List.of());
    Arguments test = args.from(byAttribute ? 1 : 0);
    List<Value> chosen = new ArrayList<>();
    for (Value item : Types.items(env.budget(), in)) {
      Value tested = path.get(env, item);
      boolean holds =
          test.positional().isEmpty()
              ? Types.truth(tested)
              : Tests.holds(env, name(test.positional().getFirst(), "test"), tested, test.from(1));
      if (holds == wanted) {
        chosen.add(item);
      }
    }
    return new Value.Generator(chosen);
  }
}
