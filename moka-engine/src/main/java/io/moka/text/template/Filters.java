package io.moka.text.template;

import java.util.HashMap;
import java.util.Map;

/** The filters by name: Jinja2's own, with tojson as Hugging Face transformers has it. */
final class Filters {
  /** A filter: what {@code input | name(arguments)} computes. */
  interface Filter {
    Value apply(Environment environment, Value input, Arguments arguments);
  }

  private static final Map<String, Filter> ALL = new HashMap<>();

  static {
    ALL.putAll(TextFilters.ALL);
    ALL.putAll(MarkupFilters.ALL);
    ALL.putAll(NumberFilters.ALL);
    ALL.putAll(SequenceFilters.ALL);
    ALL.putAll(OrderFilters.ALL);
    ALL.putAll(SelectionFilters.ALL);
  }

  private Filters() {}

  static boolean exists(String name) {
    return ALL.containsKey(name);
  }

  static Value apply(Environment environment, String name, Value input, Arguments arguments) {
    environment.budget().step();
    Filter filter = ALL.get(name);
    if (filter == null) {
      throw new EvaluationError("there is no filter '" + name + "'");
    }
    return filter.apply(environment, input, arguments);
  }
}
