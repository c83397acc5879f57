package io.moka.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A mapping in the order of insertion. Keys that are equal in Python (1, 1.0 and True) are one key,
 * and the first one put keeps its form.
 */
final class Dict implements Value {
  private static final int MAX_KEY_PARTS = 1000;

  /** One pair. */
  record Entry(Value key, Value value) {}

  private final Map<Object, Entry> entries = new LinkedHashMap<>();

  void put(Value key, Value value) {
    Object identity = identity(key);
    Entry before = entries.get(identity);
    entries.put(identity, new Entry(before == null ? key : before.key(), value));
  }

  void put(String key, Value value) {
    put(Value.of(key), value);
  }

  Optional<Value> get(Value key) {
    return Optional.ofNullable(entries.get(identity(key))).map(Entry::value);
  }

  Collection<Entry> entries() {
    return entries.values();
  }

  int size() {
    return entries.size();
  }

  /** What a Java map can compare: equal exactly where Python's keys are equal. */
  private static Object identity(Value key) {
    return identity(key, new int[] {MAX_KEY_PARTS});
  }

  private static Object identity(Value key, int[] partsLeft) {
    if (--partsLeft[0] < 0) {
      throw new EvaluationError("a key has more than " + MAX_KEY_PARTS + " parts");
    }
    return switch (key) {
      case Value.Text text -> text.value();
      case Value.Bool bool -> bool.value() ? BigInteger.ONE : BigInteger.ZERO;
      case Value.Int number -> number.value();
      case Value.Real real -> whole(real.value());
      case Value.Tuple tuple -> {
        List<Object> items = new ArrayList<>();
        for (Value item : tuple.items()) {
          items.add(identity(item, partsLeft));
        }
        yield items;
      }
      case Value.None none -> Value.None.class;
      case Value.Undefined undefined -> Value.Undefined.class;
      case Value.Range range -> range;
      default -> throw new EvaluationError("a " + Types.name(key) + " cannot be a key");
    };
  }

  private static Object whole(double value) {
    return Double.isFinite(value) && value == Math.rint(value)
        ? new BigDecimal(value).toBigInteger()
        : (Object) value;
  }
}
