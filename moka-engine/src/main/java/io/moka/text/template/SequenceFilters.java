package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Filters that count, take, cut or add up the items of a sequence, and those for any value. */
final class SequenceFilters {
  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("length", SequenceFilters::length),
          entry("count", SequenceFilters::length),
          entry("first", SequenceFilters::first),
          entry("last", SequenceFilters::last),
          entry("list", SequenceFilters::list),
          entry("items", SequenceFilters::items),
          entry("reverse", SequenceFilters::reverse),
          entry("batch", SequenceFilters::batch),
          entry("slice", SequenceFilters::slice),
          entry("sum", SequenceFilters::sum),
          entry("default", SequenceFilters::otherwise),
          entry("d", SequenceFilters::otherwise),
          entry("attr", SequenceFilters::attribute));

  private SequenceFilters() {}

  private static Value length(Environment env, Value in, Arguments args) {
    args.bind("length", 0);
    return Value.of(Types.length(env.budget(), in));
  }

  private static Value first(Environment env, Value in, Arguments args) {
    args.bind("first", 0);
    if (in instanceof Value.Generator generator && !generator.remaining().isEmpty()) {
      return generator.remaining().removeFirst();
    }
    List<Value> items = Types.items(env.budget(), in);
    return items.isEmpty() ? new Value.Undefined("there is no first item") : items.getFirst();
  }

  private static Value last(Environment env, Value in, Arguments args) {
    args.bind("last", 0);
    if (in instanceof Value.Generator) {
      throw new EvaluationError("last needs a sequence, not a generator; use list before it");
    }
    List<Value> items = Types.items(env.budget(), in);
    return items.isEmpty() ? new Value.Undefined("there is no last item") : items.getLast();
  }

  private static Value list(Environment env, Value in, Arguments args) {
    args.bind("list", 0);
    return new Value.ListValue(Types.items(env.budget(), in));
  }

  private static Value items(Environment env, Value in, Arguments args) {
    args.bind("items", 0);
    return switch (in) {
      case Value.Undefined undefined -> new Value.Generator(List.of());
      case Dict dict -> {
        env.budget().steps(dict.size());
        yield new Value.Generator(new Value.View(dict, Value.View.Kind.ITEMS).items());
      }
      default -> throw new EvaluationError("items needs a mapping, not a " + Types.name(in));
    };
  }

  private static Value reverse(Environment env, Value in, Arguments args) {
    args.bind("reverse", 0);
    if (in instanceof Value.Text text) {
      env.budget().text(text.value().length());
      return new Value.Text(new StringBuilder(text.value()).reverse().toString(), text.safe());
    }
    List<Value> items = new ArrayList<>(Types.items(env.budget(), in));
    Collections.reverse(items);
    boolean once = in instanceof Value.Generator || in instanceof Value.Undefined;
    return once ? new Value.ListValue(items) : new Value.Generator(items);
  }

  private static Value batch(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("batch", 1, "linecount", "fill_with");
    int size = bound.integer("linecount", 1);
    List<Value> rows = new ArrayList<>();
    List<Value> row = new ArrayList<>();
    for (Value item : Types.items(env.budget(), in)) {
      if (row.size() == size) {
        rows.add(new Value.ListValue(row));
        row = new ArrayList<>();
      }
      row.add(item);
    }
    if (!row.isEmpty()) {
      Optional<Value> fill = bound.unlessNone("fill_with");
      if (fill.isPresent() && row.size() < size) {
        env.budget().steps(size - row.size());
        row.addAll(Collections.nCopies(size - row.size(), fill.get()));
      }
      rows.add(new Value.ListValue(row));
    }
    return new Value.Generator(rows);
  }

  private static Value slice(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("slice", 1, "slices", "fill_with");
    int slices = bound.integer("slices", 1);
    List<Value> items = Types.items(env.budget(), in);
    if (slices == 0) {
      throw new EvaluationError("division by zero");
    }
    env.budget().steps(Math.max(0, slices));
    List<Value> columns = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < slices; i++) {
      int size = items.size() / slices + (i < items.size() % slices ? 1 : 0);
      List<Value> column = new ArrayList<>(items.subList(start, start + size));
      if (i >= items.size() % slices) {
        bound.unlessNone("fill_with").ifPresent(column::add);
      }
      columns.add(new Value.ListValue(column));
      start += size;
    }
    return new Value.Generator(columns);
  }

  private static Value sum(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("sum", 0, "attribute", "start");
    AttributePath path = AttributePath.of(bound.find("attribute").orElse(Value.NONE));
    Value sum = bound.find("start").orElse(Value.of(0));
    if (sum instanceof Value.Text) {
      throw new EvaluationError("sum cannot add up text; use join");
    }
    for (Value item : Types.items(env.budget(), in)) {
      sum = Arithmetic.apply(env.budget(), Expression.Operator.ADD, sum, path.get(env, item));
    }
    return sum;
  }

  private static Value otherwise(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("default", 0, "default_value", "boolean");
    boolean absent =
        in instanceof Value.Undefined || bound.truth("boolean", false) && !Types.truth(in);
    return absent ? bound.find("default_value").orElse(Value.of("")) : in;
  }

  private static Value attribute(Environment env, Value in, Arguments args) {
    String name = args.bind("attr", 1, "name").text("name").orElse("None");
    Lookup.requireDefined(in);
    return Lookup.ownAttribute(env, in, name).orElseGet(() -> Lookup.missing(in, name));
  }
}
