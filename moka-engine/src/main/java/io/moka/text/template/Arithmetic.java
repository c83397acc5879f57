package io.moka.text.template;

import io.moka.text.template.Expression.Operator;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** The operators + - * / // % ** and the signs as in Python. */
final class Arithmetic {
  private Arithmetic() {}

  static Value apply(Budget budget, Operator operator, Value left, Value right) {
    Lookup.requireDefined(left);
    // Text before % takes anything, undefined too; all else must be there.
    if (!(operator == Operator.MODULO && left instanceof Value.Text)) {
      Lookup.requireDefined(right);
    }
    Optional<BigInteger> a = Numbers.whole(left);
    Optional<BigInteger> b = Numbers.whole(right);
    if (a.isPresent() && b.isPresent()) {
      return whole(budget, operator, a.get(), b.get());
    }
    if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
      return new Value.Real(real(operator, Numbers.real(left), Numbers.real(right)));
    }
    return switch (operator) {
      case ADD -> joined(budget, left, right);
      case MULTIPLY -> {
        if (b.isPresent() && sequence(left)) {
          yield repeated(budget, left, Numbers.clampedInt("*", right));
        }
        if (a.isPresent() && sequence(right)) {
          yield repeated(budget, right, Numbers.clampedInt("*", left));
        }
        throw unsupported(operator, left, right);
      }
      case MODULO -> {
        if (left instanceof Value.Text format) {
          yield PercentFormat.apply(budget, format, right);
        }
        throw unsupported(operator, left, right);
      }
      default -> throw unsupported(operator, left, right);
    };
  }

  private static EvaluationError unsupported(Operator operator, Value left, Value right) {
    return new EvaluationError(
        "'"
            + operator.symbol()
            + "' cannot take a "
            + Types.name(left)
            + " and a "
            + Types.name(right));
  }

  private static Value whole(Budget budget, Operator operator, BigInteger a, BigInteger b) {
    boolean divides =
        switch (operator) {
          case DIVIDE, FLOOR_DIVIDE, MODULO -> true;
          case POWER -> b.signum() < 0;
          case ADD, SUBTRACT, MULTIPLY -> false;
        };
    if (divides && (operator == Operator.POWER ? a : b).signum() == 0) {
      throw new EvaluationError("division by zero");
    }
    return switch (operator) {
      case ADD -> budget.integer(a.add(b));
      case SUBTRACT -> budget.integer(a.subtract(b));
      case MULTIPLY -> budget.integer(a.multiply(b));
      case DIVIDE -> new Value.Real(Numbers.quotient(a, b));
      case FLOOR_DIVIDE -> budget.integer(Numbers.floorDivide(a, b));
      case MODULO -> budget.integer(a.subtract(Numbers.floorDivide(a, b).multiply(b)));
      case POWER -> power(budget, a, b);
    };
  }

  private static Value power(Budget budget, BigInteger a, BigInteger b) {
    if (b.signum() < 0) {
      return new Value.Real(Math.pow(a.doubleValue(), b.doubleValue()));
    }
    if (a.abs().compareTo(BigInteger.ONE) <= 0) {
      return new Value.Int(b.signum() == 0 || a.signum() < 0 && !b.testBit(0) ? BigInteger.ONE : a);
    }
    // The result has at least (bits of a - 1) * b bits; refuse before computing it.
    BigInteger atLeast = b.multiply(BigInteger.valueOf(a.abs().bitLength() - 1L));
    if (atLeast.compareTo(BigInteger.valueOf(Budget.MAX_INTEGER_BITS)) > 0) {
      throw new EvaluationError(Budget.INTEGER_TOO_LARGE);
    }
    return budget.integer(a.pow(b.intValueExact()));
  }

  private static double real(Operator operator, double a, double b) {
    boolean divides =
        switch (operator) {
          case DIVIDE, FLOOR_DIVIDE, MODULO -> b == 0;
          case POWER -> a == 0 && b < 0;
          case ADD, SUBTRACT, MULTIPLY -> false;
        };
    if (divides) {
      throw new EvaluationError("division by zero");
    }
    return switch (operator) {
      case ADD -> a + b;
      case SUBTRACT -> a - b;
      case MULTIPLY -> a * b;
      case DIVIDE -> a / b;
      case FLOOR_DIVIDE -> Math.floor((a - Numbers.modulo(a, b)) / b + 0.5);
      case MODULO -> Numbers.modulo(a, b);
      case POWER -> power(a, b);
    };
  }

  private static double power(double a, double b) {
    if (a < 0 && Double.isFinite(a) && Double.isFinite(b) && b != Math.rint(b)) {
      throw new EvaluationError("a power of a negative number needs a whole exponent");
    }
    if (a == 1) {
      return 1;
    }
    double value = Math.pow(a, b);
    if (Double.isInfinite(value) && Double.isFinite(a) && Double.isFinite(b)) {
      throw new EvaluationError("a power is too large for a floating-point number");
    }
    return value;
  }

  private static boolean sequence(Value value) {
    return value instanceof Value.Text
        || value instanceof Value.ListValue
        || value instanceof Value.Tuple;
  }

  private static Value joined(Budget budget, Value left, Value right) {
    if (left instanceof Value.Text a && right instanceof Value.Text b) {
      return Texts.joined(budget, a, b);
    }
    if (left instanceof Value.ListValue a && right instanceof Value.ListValue b) {
      return new Value.ListValue(joinedItems(budget, a.items(), b.items()));
    }
    if (left instanceof Value.Tuple a && right instanceof Value.Tuple b) {
      return new Value.Tuple(joinedItems(budget, a.items(), b.items()));
    }
    throw unsupported(Operator.ADD, left, right);
  }

  private static List<Value> joinedItems(Budget budget, List<Value> a, List<Value> b) {
    budget.steps((long) a.size() + b.size());
    List<Value> items = new ArrayList<>(a.size() + b.size());
    items.addAll(a);
    items.addAll(b);
    return items;
  }

  private static Value repeated(Budget budget, Value value, int count) {
    int times = Math.max(0, count);
    return switch (value) {
      case Value.Text text -> {
        budget.text((long) text.value().length() * times);
        yield new Value.Text(text.value().repeat(times), text.safe());
      }
      case Value.ListValue list -> new Value.ListValue(repeatedItems(budget, list.items(), times));
      case Value.Tuple tuple -> new Value.Tuple(repeatedItems(budget, tuple.items(), times));
      default -> throw new IllegalStateException("not a sequence: " + Types.name(value));
    };
  }

  private static List<Value> repeatedItems(Budget budget, List<Value> items, int times) {
    budget.steps((long) items.size() * times);
    List<Value> repeated = new ArrayList<>(items.size() * times);
    for (int i = 0; i < times && !items.isEmpty(); i++) {
      repeated.addAll(items);
    }
    return repeated;
  }

  /** {@code -value} or {@code +value}. */
  static Value sign(boolean negative, Value value) {
    Lookup.requireDefined(value);
    if (value instanceof Value.Real real) {
      return new Value.Real(negative ? -real.value() : real.value());
    }
    BigInteger whole =
        Numbers.whole(value)
            .orElseThrow(
                () -> new EvaluationError("a " + Types.name(value) + " cannot have a sign"));
    return new Value.Int(negative ? whole.negate() : whole);
  }
}
