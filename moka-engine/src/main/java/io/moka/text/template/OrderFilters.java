package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Filters that sort, group or find the least and the greatest; without regard to case at first. */
final class OrderFilters {
  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("sort", OrderFilters::sort),
          entry("dictsort", OrderFilters::dictSort),
          entry("groupby", OrderFilters::groupBy),
          entry("unique", OrderFilters::unique),
          entry("min", (env, in, args) -> extreme(env, in, args, "min")),
          entry("max", (env, in, args) -> extreme(env, in, args, "max")));

  /** An item and what it is sorted by. */
  private record Keyed(Value item, Value key) {}

  private OrderFilters() {}

  private static Value folded(Arguments.Bound bound, Value key) {
    return bound.truth("case_sensitive", false) ? key : Comparisons.ignoringCase(key);
  }

  private static List<Keyed> sorted(Environment env, List<Keyed> items, boolean reverse) {
    Budget budget = env.budget();
    return Sorting.sorted(
        budget, items, (a, b) -> Comparisons.compare(budget, a.key(), b.key()), reverse);
  }

  private static Value sort(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("sort", 0, "reverse", "case_sensitive", "attribute");
    List<AttributePath> paths = AttributePath.several(bound.find("attribute").orElse(Value.NONE));
    List<Keyed> keyed = new ArrayList<>();
    for (Value item : Types.items(env.budget(), in)) {
      List<Value> keys = new ArrayList<>(paths.size());
      for (AttributePath path : paths) {
        keys.add(folded(bound, path.get(env, item)));
      }
      keyed.add(new Keyed(item, new Value.ListValue(keys)));
    }
    return items(sorted(env, keyed, bound.truth("reverse", false)));
  }

  private static Value items(List<Keyed> keyed) {
    List<Value> items = new ArrayList<>(keyed.size());
    keyed.forEach(pair -> items.add(pair.item()));
    return new Value.ListValue(items);
  }

  private static Value dictSort(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("dictsort", 0, "case_sensitive", "by", "reverse");
    Lookup.requireDefined(in);
    if (!(in instanceof Dict dict)) {
      throw new EvaluationError("dictsort needs a mapping, not a " + Types.name(in));
    }
    String by = bound.text("by").orElse("key");
    if (!by.equals("key") && !by.equals("value")) {
      throw new EvaluationError("dictsort sorts by 'key' or 'value'");
    }
    List<Keyed> keyed = new ArrayList<>();
    for (Dict.Entry entry : dict.entries()) {
      Value pair = new Value.Tuple(List.of(entry.key(), entry.value()));
      keyed.add(new Keyed(pair, folded(bound, by.equals("key") ? entry.key() : entry.value())));
    }
    return items(sorted(env, keyed, bound.truth("reverse", false)));
  }

  private static Value groupBy(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("groupby", 1, "attribute", "default", "case_sensitive");
    AttributePath path = AttributePath.of(bound.get("attribute"));
    Optional<Value> missing = bound.unlessNone("default");
    List<Keyed> keyed = new ArrayList<>();
    for (Value item : Types.items(env.budget(), in)) {
      keyed.add(new Keyed(item, folded(bound, path.get(env, item, missing))));
    }
    List<Value> groups = new ArrayList<>();
    List<Value> group = new ArrayList<>();
    Optional<Value> current = Optional.empty();
    for (Keyed pair : sorted(env, keyed, false)) {
      boolean same =
          current.isPresent() && Comparisons.equal(env.budget(), current.get(), pair.key());
      if (!same) {
        group = new ArrayList<>();
        // The group's name keeps the case of its first item.
        Value name = path.get(env, pair.item(), missing);
        groups.add(
            new Value.Tuple(List.of(name, new Value.ListValue(group)), List.of("grouper", "list")));
      }
      current = Optional.of(pair.key());
      group.add(pair.item());
    }
    return new Value.ListValue(groups);
  }

  private static Value unique(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("unique", 0, "case_sensitive", "attribute");
    AttributePath path = AttributePath.of(bound.find("attribute").orElse(Value.NONE));
    List<Value> items = Types.items(env.budget(), in);
    List<Value> keys = new ArrayList<>(items.size());
    for (Value item : items) {
      keys.add(folded(bound, path.get(env, item)));
    }
    return new Value.Generator(Comparisons.unique(env.budget(), items, keys));
  }

  private static Value extreme(Environment env, Value in, Arguments args, String name) {
    Arguments.Bound bound = args.bind(name, 0, "case_sensitive", "attribute");
    AttributePath path = AttributePath.of(bound.find("attribute").orElse(Value.NONE));
    Optional<Keyed> best = Optional.empty();
    for (Value item : Types.items(env.budget(), in)) {
      Keyed keyed = new Keyed(item, folded(bound, path.get(env, item)));
      int order =
          best.map(known -> Comparisons.compare(env.budget(), keyed.key(), known.key())).orElse(0);
      if (best.isEmpty() || (name.equals("min") ? order < 0 : order > 0)) {
        best = Optional.of(keyed);
      }
    }
    return best.map(Keyed::item)
        .orElseGet(() -> new Value.Undefined("an empty sequence has no " + name));
  }
}
