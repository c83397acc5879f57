package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Expression.Operator;
import io.moka.text.template.Expression.Relation;
import java.math.BigInteger;
import java.util.Map;
import java.util.Optional;
import java.util.function.Predicate;

/** The tests by name: what {@code value is name(arguments)} asks. */
final class Tests {
  private interface Test {
    boolean holds(Environment environment, Value value, Arguments arguments);
  }

  private static final Map<String, Test> ALL =
      Map.ofEntries(
          entry("defined", simple(value -> !(value instanceof Value.Undefined))),
          entry("undefined", simple(value -> value instanceof Value.Undefined)),
          entry("none", simple(value -> value instanceof Value.None)),
          entry("boolean", simple(value -> value instanceof Value.Bool)),
          entry("true", simple(value -> value instanceof Value.Bool bool && bool.value())),
          entry("false", simple(value -> value instanceof Value.Bool bool && !bool.value())),
          entry("integer", simple(value -> value instanceof Value.Int)),
          entry("float", simple(value -> value instanceof Value.Real)),
          entry("number", simple(Numbers::isNumber)),
          entry("string", simple(value -> value instanceof Value.Text)),
          entry("mapping", simple(value -> value instanceof Dict)),
          entry("sequence", simple(Tests::sequence)),
          entry("iterable", simple(value -> Types.iterable(value) || value instanceof LoopObject)),
          entry("callable", simple(Tests::callable)),
          entry("escaped", simple(value -> value instanceof Value.Text text && text.safe())),
          entry("odd", (env, value, args) -> remainder(env, value, Value.of(2)).equals("1")),
          entry("even", (env, value, args) -> remainder(env, value, Value.of(2)).equals("0")),
          entry(
              "divisibleby",
              (env, value, args) ->
                  remainder(env, value, args.bind("divisibleby", 1, "num").get("num")).equals("0")),
          entry("lower", (env, value, args) -> TextCase.isLower(string(env, value))),
          entry("upper", (env, value, args) -> TextCase.isUpper(string(env, value))),
          entry("filter", (env, value, args) -> named(value) && Filters.exists(string(env, value))),
          entry("test", (env, value, args) -> named(value) && exists(string(env, value))),
          entry("sameas", Tests::sameAs),
          entry("in", relation(Relation.IN)),
          entry("==", relation(Relation.EQUAL)),
          entry("eq", relation(Relation.EQUAL)),
          entry("equalto", relation(Relation.EQUAL)),
          entry("!=", relation(Relation.NOT_EQUAL)),
          entry("ne", relation(Relation.NOT_EQUAL)),
          entry("<", relation(Relation.LESS)),
          entry("lt", relation(Relation.LESS)),
          entry("lessthan", relation(Relation.LESS)),
          entry("<=", relation(Relation.LESS_OR_EQUAL)),
          entry("le", relation(Relation.LESS_OR_EQUAL)),
          entry(">", relation(Relation.GREATER)),
          entry("gt", relation(Relation.GREATER)),
          entry("greaterthan", relation(Relation.GREATER)),
          entry(">=", relation(Relation.GREATER_OR_EQUAL)),
          entry("ge", relation(Relation.GREATER_OR_EQUAL)));

  private Tests() {}

  static boolean exists(String name) {
    return ALL.containsKey(name);
  }

  static boolean holds(Environment environment, String name, Value value, Arguments arguments) {
    environment.budget().step();
    Test test = ALL.get(name);
    if (test == null) {
      throw new EvaluationError("there is no test '" + name + "'");
    }
    return test.holds(environment, value, arguments);
  }

  private static Test simple(Predicate<Value> question) {
    return (env, value, args) -> {
      args.bind("the test", 0);
      return question.test(value);
    };
  }

  private static Test relation(Relation relation) {
    return (env, value, args) ->
        Comparisons.holds(
            env.budget(), relation, value, args.bind("the test", 1, "other").get("other"));
  }

  /** What has a length and items; an undefined value passes too, as in Jinja2. */
  private static boolean sequence(Value value) {
    return switch (value) {
      case Value.Text text -> true;
      case Value.ListValue list -> true;
      case Value.Tuple tuple -> true;
      case Dict dict -> true;
      case Value.Range range -> true;
      case Value.Undefined undefined -> true;
      default -> false;
    };
  }

  private static boolean callable(Value value) {
    return switch (value) {
      case Value.Function function -> true;
      case Value.Thing thing -> thing.callable();
      case Value.Undefined undefined -> true;
      default -> false;
    };
  }

  /** The remainder of a division, as text: "1" for 1 and 1.0 alike. */
  private static String remainder(Environment env, Value value, Value divisor) {
    Value rest = Arithmetic.apply(env.budget(), Operator.MODULO, value, divisor);
    Optional<BigInteger> whole = Numbers.whole(rest);
    if (whole.isPresent()) {
      return whole.get().toString();
    }
    return rest instanceof Value.Real real && real.value() == Math.rint(real.value())
        ? Long.toString((long) real.value())
        : "";
  }

  private static boolean named(Value value) {
    return value instanceof Value.Text;
  }

  private static String string(Environment env, Value value) {
    return PythonText.str(env.budget(), value);
  }

  /** Whether both are one object; small values are one where they are equal and of one type. */
  private static boolean sameAs(Environment env, Value value, Arguments args) {
    Value other = args.bind("sameas", 1, "other").get("other");
    return switch (value) {
      case Value.None none -> other instanceof Value.None;
      case Value.Bool bool -> other instanceof Value.Bool with && with.value() == bool.value();
      case Value.Int number -> other instanceof Value.Int with && with.equals(number);
      case Value.Text text -> other instanceof Value.Text with && with.equals(text);
      default -> value == other;
    };
  }
}
