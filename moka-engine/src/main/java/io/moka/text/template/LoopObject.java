package io.moka.text.template;

import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.UnaryOperator;

/** The variable {@code loop} within a for loop. */
final class LoopObject implements Value.Thing {
  private final Budget budget;
  private final List<Value> items;
  private final int depth;

  /** Runs the loop's body over other items; only recursive loops have it. */
  private final Optional<UnaryOperator<Value>> recursion;

  private int index;
  private Optional<Value> lastChecked = Optional.empty();

  LoopObject(
      Budget budget, List<Value> items, int depth, Optional<UnaryOperator<Value>> recursion) {
    this.budget = budget;
    this.items = items;
    this.depth = depth;
    this.recursion = recursion;
  }

  void moveTo(int index) {
    this.index = index;
  }

  @Override
  public String typeName() {
    return "LoopContext";
  }

  @Override
  public OptionalInt length() {
    return OptionalInt.of(items.size());
  }

  @Override
  public Optional<Value> attribute(String name) {
    int last = items.size() - 1;
    return switch (name) {
      case "index" -> Optional.of(Value.of(index + 1L));
      case "index0" -> Optional.of(Value.of(index));
      case "revindex" -> Optional.of(Value.of(last - index + 1L));
      case "revindex0" -> Optional.of(Value.of(last - index));
      case "first" -> Optional.of(Value.of(index == 0));
      case "last" -> Optional.of(Value.of(index == last));
      case "length" -> Optional.of(Value.of(items.size()));
      case "depth" -> Optional.of(Value.of(depth + 1L));
      case "depth0" -> Optional.of(Value.of(depth));
      case "previtem" -> Optional.of(neighbour(index - 1, "there is no previous item"));
      case "nextitem" -> Optional.of(neighbour(index + 1, "there is no next item"));
      case "cycle" -> Optional.of(new Value.Function(name, this::cycle));
      case "changed" -> Optional.of(new Value.Function(name, this::changed));
      default -> Optional.empty();
    };
  }

  private Value neighbour(int at, String complaint) {
    return at >= 0 && at < items.size() ? items.get(at) : new Value.Undefined(complaint);
  }

  private Value cycle(Arguments arguments) {
    if (arguments.positional().isEmpty()) {
      throw new EvaluationError("cycle() needs items");
    }
    return arguments.positional().get(index % arguments.positional().size());
  }

  private Value changed(Arguments arguments) {
    Value now = new Value.Tuple(arguments.positional());
    boolean same = lastChecked.isPresent() && Comparisons.equal(budget, lastChecked.get(), now);
    lastChecked = Optional.of(now);
    return Value.of(!same);
  }

  @Override
  public boolean callable() {
    return true;
  }

  @Override
  public Value call(Arguments arguments) {
    return recursion
        .orElseThrow(() -> new EvaluationError("'loop' is called in a loop that is not recursive"))
        .apply(arguments.bind("loop", 1, "iterable").get("iterable"));
  }
}
