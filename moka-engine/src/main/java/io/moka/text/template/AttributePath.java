package io.moka.text.template;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** What an argument {@code attribute='a.b.0'} of a filter leads to. */
record AttributePath(List<Value> parts) {

  /** The path; names are separated by dots, and numbers are indices. */
  static AttributePath of(Value attribute) {
    if (!(attribute instanceof Value.Text text)) {
      boolean self = attribute instanceof Value.None;
      return new AttributePath(self ? List.of() : List.of(attribute));
    }
    List<Value> parts = new ArrayList<>();
    for (String part : text.value().split("\\.", -1)) {
      boolean digits = !part.isEmpty() && part.chars().allMatch(c -> c >= '0' && c <= '9');
      parts.add(
          digits
              ? Numbers.parseWhole(part, 10).<Value>map(Value.Int::new).orElse(Value.of(part))
              : Value.of(part));
    }
    return new AttributePath(parts);
  }

  /** Paths separated by commas. */
  static List<AttributePath> several(Value attribute) {
    if (!(attribute instanceof Value.Text text)) {
      return List.of(of(attribute));
    }
    List<AttributePath> paths = new ArrayList<>();
    for (String path : text.value().split(",", -1)) {
      paths.add(of(Value.of(path)));
    }
    return paths;
  }

  Value get(Environment environment, Value item) {
    return get(environment, item, Optional.empty());
  }

  /** Follows the path; {@code otherwise} stands in for what is not there. */
  Value get(Environment environment, Value item, Optional<Value> otherwise) {
    Value value = item;
    for (Value part : parts) {
      environment.budget().step();
      value = Lookup.item(environment, value, part);
      if (value instanceof Value.Undefined && otherwise.isPresent()) {
        value = otherwise.get();
      }
    }
    return value;
  }
}
