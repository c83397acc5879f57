package io.moka.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.util.Locale;
import java.util.Optional;

/** Python's numbers: whole ones of any size, floating ones, and how both read as text. */
final class Numbers {
  private static final BigInteger MAX_INT = BigInteger.valueOf(Integer.MAX_VALUE);
  private static final BigInteger MIN_INT = BigInteger.valueOf(Integer.MIN_VALUE);

  private static final int MAX_DIGITS = 4300;

  private Numbers() {}

  /** The whole number that a value is; True and False count as 1 and 0. */
  static Optional<BigInteger> whole(Value value) {
    return switch (value) {
      case Value.Int number -> Optional.of(number.value());
      case Value.Bool bool -> Optional.of(bool.value() ? BigInteger.ONE : BigInteger.ZERO);
      default -> Optional.empty();
    };
  }

  /** Whether the value is a number; True and False are. */
  static boolean isNumber(Value value) {
    return value instanceof Value.Real || whole(value).isPresent();
  }

  /** The floating-point form of a number. */
  static double real(Value number) {
    if (number instanceof Value.Real real) {
      return real.value();
    }
    double value = whole(number).orElseThrow().doubleValue();
    if (Double.isInfinite(value)) {
      throw new EvaluationError("an integer is too large for a floating-point number");
    }
    return value;
  }

  /** A whole number cut to the range of int, for lengths, counts and indices. */
  static int clampedInt(String user, Value value) {
    BigInteger whole =
        whole(value)
            .orElseThrow(
                () -> new EvaluationError(user + " needs an integer, not a " + Types.name(value)));
    return whole.min(MAX_INT).max(MIN_INT).intValue();
  }

  /** Compares two numbers exactly, whole or floating. */
  static int compare(Value left, Value right) {
    if (left instanceof Value.Real || right instanceof Value.Real) {
      Optional<BigInteger> leftWhole = whole(left);
      Optional<BigInteger> rightWhole = whole(right);
      if (leftWhole.isPresent() && Double.isFinite(real(right))) {
        return new BigDecimal(leftWhole.get()).compareTo(new BigDecimal(real(right)));
      }
      if (rightWhole.isPresent() && Double.isFinite(real(left))) {
        return new BigDecimal(real(left)).compareTo(new BigDecimal(rightWhole.get()));
      }
      double a = leftWhole.isPresent() ? 0 : real(left);
      double b = rightWhole.isPresent() ? 0 : real(right);
      return a < b ? -1 : a > b ? 1 : 0;
    }
    return whole(left).orElseThrow().compareTo(whole(right).orElseThrow());
  }

  /** Whether the value is not a number in the sense of IEEE 754. */
  static boolean isNan(Value value) {
    return value instanceof Value.Real real && Double.isNaN(real.value());
  }

  /** Python's str() and repr() of a floating-point number: the shortest text that reads back. */
  static String text(double value) {
    if (Double.isNaN(value)) {
      return "nan";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "inf" : "-inf";
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    // Java's shortest digits are Python's; only where the exponent begins differs.
    BigDecimal shortest = new BigDecimal(Double.toString(value)).stripTrailingZeros();
    if (shortest.precision() == 2) {
      // Java never gives fewer than two digits, even where one reads back (5e-324).
      BigDecimal oneDigit = shortest.round(new MathContext(1));
      shortest = oneDigit.doubleValue() == value ? oneDigit : shortest;
    }
    int exponent = shortest.precision() - shortest.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = shortest.toPlainString();
      return plain.indexOf('.') < 0 ? plain + ".0" : plain;
    }
    String digits = shortest.unscaledValue().abs().toString();
    String fraction = digits.length() > 1 ? "." + digits.substring(1) : "";
    return (value < 0 ? "-" : "")
        + digits.charAt(0)
        + fraction
        + String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  /** A whole number in decimal; Python, too, refuses the very long ones. */
  static String text(BigInteger value) {
    return text(value, 10);
  }

  /** A whole number in a base from 2 to 36. */
  static String text(BigInteger value, int radix) {
    String digits = value.toString(radix);
    if (digits.length() - (value.signum() < 0 ? 1 : 0) > MAX_DIGITS) {
      throw new EvaluationError("an integer has more than " + MAX_DIGITS + " digits");
    }
    return digits;
  }

  /** Quotient of two whole numbers as a floating-point number. */
  static double quotient(BigInteger left, BigInteger right) {
    if (left.bitLength() <= 53 && right.bitLength() <= 53) {
      return left.doubleValue() / right.doubleValue();
    }
    double value =
        new BigDecimal(left).divide(new BigDecimal(right), MathContext.DECIMAL128).doubleValue();
    if (Double.isInfinite(value)) {
      throw new EvaluationError("a quotient is too large for a floating-point number");
    }
    return value;
  }

  /** Division rounded towards minus infinity. */
  static BigInteger floorDivide(BigInteger left, BigInteger right) {
    BigInteger[] parts = left.divideAndRemainder(right);
    boolean below = parts[1].signum() != 0 && parts[1].signum() != right.signum();
    return below ? parts[0].subtract(BigInteger.ONE) : parts[0];
  }

  /** Python's remainder, which has the divisor's sign. */
  static double modulo(double left, double right) {
    double rest = left % right;
    if (rest == 0) {
      return Math.copySign(0.0, right);
    }
    return rest < 0 != right < 0 ? rest + right : rest;
  }

  /** What Python's int() reads: digits of the base, a sign, single underscores, space around. */
  static Optional<BigInteger> parseWhole(String text, int base) {
    String digits = Chars.strip(text).toLowerCase(Locale.ROOT);
    boolean negative = digits.startsWith("-");
    if (negative || digits.startsWith("+")) {
      digits = digits.substring(1);
    }
    int radix = base;
    if (digits.length() > 1 && digits.charAt(0) == '0') {
      int prefix = "box".indexOf(digits.charAt(1));
      int named = prefix < 0 ? 0 : prefix == 0 ? 2 : prefix == 1 ? 8 : 16;
      if (named != 0 && (base == 0 || base == named)) {
        radix = named;
        digits = digits.substring(2);
        digits = digits.startsWith("_") ? digits.substring(1) : digits;
      }
    }
    radix = radix == 0 ? 10 : radix;
    if (radix < 2 || radix > 36 || digits.length() > MAX_DIGITS || !separated(digits)) {
      return Optional.empty();
    }
    digits = digits.replace("_", "");
    for (int i = 0; i < digits.length(); i++) {
      if (Character.digit(digits.charAt(i), radix) < 0) {
        return Optional.empty();
      }
    }
    BigInteger value = new BigInteger(digits, radix);
    return Optional.of(negative ? value.negate() : value);
  }

  /** What Python's float() reads. */
  static Optional<Double> parseReal(String text) {
    String trimmed = Chars.strip(text).toLowerCase(Locale.ROOT);
    boolean signed = trimmed.startsWith("-") || trimmed.startsWith("+");
    double sign = trimmed.startsWith("-") ? -1 : 1;
    String unsigned = signed ? trimmed.substring(1) : trimmed;
    switch (unsigned) {
      case "inf", "infinity" -> {
        return Optional.of(sign * Double.POSITIVE_INFINITY);
      }
      case "nan" -> {
        return Optional.of(Double.NaN);
      }
      default -> {}
    }
    int digits = 0;
    for (int i = 0; i < unsigned.length(); i++) {
      char c = unsigned.charAt(i);
      digits += c >= '0' && c <= '9' ? 1 : 0;
      if ("0123456789.e+-_".indexOf(c) < 0) {
        return Optional.empty();
      }
    }
    if (digits == 0
        || unsigned.length() > MAX_DIGITS
        || unsigned.matches(".*(^|\\D)_.*|.*_(\\D|$).*")) {
      return Optional.empty();
    }
    try {
      return Optional.of(sign * Double.parseDouble(unsigned.replace("_", "")));
    } catch (NumberFormatException notANumber) {
      return Optional.empty();
    }
  }

  private static boolean separated(String digits) {
    return !digits.isEmpty()
        && !digits.startsWith("_")
        && !digits.endsWith("_")
        && !digits.contains("__");
  }
}
