package io.moka.text.template;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.MathContext;
import java.math.RoundingMode;
import java.util.Locale;

/**
 * How one value is formatted, after the % operator or in the braces of format().
 *
 * @param fill the character that fills up to the width
 * @param align one of {@code < > ^ =}, or 0 for the type's own
 * @param sign {@code +}, a space, or {@code -}
 * @param alternate whether other bases than ten show their prefix
 * @param width the least width
 * @param group the separator of thousands, or 0
 * @param precision digits or characters, or -1
 * @param type the conversion, or 0 for the value's own
 */
record FormatSpec(
    String fill,
    char align,
    char sign,
    boolean alternate,
    int width,
    char group,
    int precision,
    char type) {
  private static final int MAX_PRECISION = 1000;

  FormatSpec {
    if (precision > MAX_PRECISION) {
      throw new EvaluationError("a format asks for more than " + MAX_PRECISION + " digits");
    }
  }

  /** Reads what stands behind the colon in braces. */
  static FormatSpec parse(String spec) {
    int at = 0;
    String fill = " ";
    char align = 0;
    int first = spec.isEmpty() ? 0 : Character.charCount(spec.codePointAt(0));
    if (spec.length() > first && "<>^=".indexOf(spec.charAt(first)) >= 0) {
      fill = spec.substring(0, first);
      align = spec.charAt(first);
      at = first + 1;
    } else if (!spec.isEmpty() && "<>^=".indexOf(spec.charAt(0)) >= 0) {
      align = spec.charAt(0);
      at = 1;
    }
    char sign = oneOf(spec, at, "+- ");
    at += sign == 0 ? 0 : 1;
    boolean alternate = oneOf(spec, at, "#") != 0;
    at += alternate ? 1 : 0;
    if (oneOf(spec, at, "0") != 0) {
      fill = align == 0 ? "0" : fill;
      align = align == 0 ? '=' : align;
      at++;
    }
    int end = digits(spec, at);
    int width = number(spec, at, end, 0);
    char group = oneOf(spec, end, ",_");
    at = end + (group == 0 ? 0 : 1);
    int precision = -1;
    if (oneOf(spec, at, ".") != 0) {
      end = digits(spec, at + 1);
      precision = number(spec, at + 1, end, -1);
      at = end;
    }
    char type = at < spec.length() ? spec.charAt(at) : 0;
    if (at + (type == 0 ? 0 : 1) != spec.length()) {
      throw new EvaluationError("a format in braces cannot be read");
    }
    return new FormatSpec(
        fill, align, sign == 0 ? '-' : sign, alternate, width, group, precision, type);
  }

  private static char oneOf(String spec, int at, String choices) {
    return at < spec.length() && choices.indexOf(spec.charAt(at)) >= 0 ? spec.charAt(at) : 0;
  }

  static int digits(String text, int from) {
    int end = from;
    while (end < text.length() && text.charAt(end) >= '0' && text.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  static int number(String text, int from, int end, int otherwise) {
    if (end - from > 9) {
      throw new EvaluationError("a format's width or precision is too large");
    }
    return from == end ? otherwise : Integer.parseInt(text.substring(from, end));
  }

  /** Formats a value. */
  String apply(Budget budget, Value value) {
    if (Numbers.isNumber(value) && !(value instanceof Value.Bool && type == 0)) {
      return number(budget, value);
    }
    if (type != 0 && type != 's') {
      throw new EvaluationError("the format '" + type + "' cannot take a " + Types.name(value));
    }
    String text = PythonText.str(budget, value);
    if (precision >= 0 && text.codePointCount(0, text.length()) > precision) {
      text = text.substring(0, text.offsetByCodePoints(0, precision));
    }
    return aligned(budget, "", text, align == 0 ? '<' : align);
  }

  private String number(Budget budget, Value value) {
    char conversion = type != 0 ? type : value instanceof Value.Real ? 'r' : 'd';
    if (conversion == 'r' && precision >= 0) {
      conversion = 'g';
    }
    String digits;
    String prefix = "";
    boolean negative;
    if ("dboxXcn".indexOf(conversion) >= 0) {
      BigInteger whole =
          Numbers.whole(value)
              .orElseThrow(() -> new EvaluationError("the format '" + type + "' needs an integer"));
      negative = whole.signum() < 0;
      if (conversion == 'c') {
        return aligned(budget, "", character(whole), align == 0 ? '<' : align);
      }
      int radix = conversion == 'b' ? 2 : conversion == 'o' ? 8 : 10;
      radix = conversion == 'x' || conversion == 'X' ? 16 : radix;
      digits = grouped(Numbers.text(whole.abs(), radix), radix == 10 ? 3 : 4);
      digits = conversion == 'X' ? digits.toUpperCase(Locale.ROOT) : digits;
      prefix = alternate && radix != 10 ? "0" + conversion : "";
    } else {
      double real = Numbers.real(value);
      negative = real < 0 || 1 / real < 0;
      digits = real(Math.abs(real), conversion);
    }
    String signText = negative ? "-" : sign == '-' ? "" : String.valueOf(sign);
    return aligned(budget, signText + prefix, digits, align == 0 ? '>' : align);
  }

  private static String character(BigInteger point) {
    if (point.signum() < 0
        || point.bitLength() > 21
        || !Character.isValidCodePoint(point.intValue())) {
      throw new EvaluationError("the format 'c' needs the number of a character");
    }
    return Character.toString(point.intValue());
  }

  private String real(double value, char conversion) {
    boolean percent = conversion == '%';
    boolean finite = Double.isFinite(value);
    String text =
        switch (Character.toLowerCase(conversion)) {
          case 'r' -> Numbers.text(value);
          case 'f' -> finite ? fixed(value) : Numbers.text(value);
          case '%' -> finite ? fixed(value * 100) : Numbers.text(value);
          case 'e' ->
              finite ? scientific(value, precision < 0 ? 6 : precision) : Numbers.text(value);
          case 'g', 'n' -> finite ? general(value) : Numbers.text(value);
          default ->
              throw new EvaluationError("there is no format '" + conversion + "' for numbers");
        };
    int point = text.indexOf('.');
    int whole = FormatSpec.digits(text, 0);
    if (group != 0 && whole > 0) {
      text = grouped(text.substring(0, whole), 3) + text.substring(point < 0 ? whole : point);
    }
    return (Character.isUpperCase(conversion) ? text.toUpperCase(Locale.ROOT) : text)
        + (percent ? "%" : "");
  }

  private String fixed(double value) {
    int places = precision < 0 ? 6 : precision;
    return new BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN).toPlainString();
  }

  private static String scientific(double value, int places) {
    if (value == 0) {
      return "0" + (places > 0 ? "." + "0".repeat(places) : "") + "e+00";
    }
    BigDecimal rounded =
        new BigDecimal(value).round(new MathContext(places + 1, RoundingMode.HALF_EVEN));
    int exponent = rounded.precision() - rounded.scale() - 1;
    StringBuilder digits = new StringBuilder(rounded.unscaledValue().toString());
    digits.repeat('0', Math.max(0, places + 1 - digits.length()));
    if (places > 0) {
      digits.insert(1, '.');
    }
    String form =
        String.format(Locale.ROOT, "e%s%02d", exponent < 0 ? "-" : "+", Math.abs(exponent));
    return digits.substring(0, places > 0 ? places + 2 : 1) + form;
  }

  private String general(double value) {
    int significant = precision < 0 ? 6 : Math.max(1, precision);
    String scientific = scientific(value, significant - 1);
    int mark = scientific.indexOf('e');
    int exponent = Integer.parseInt(scientific.substring(mark + 1));
    if (exponent < -4 || exponent >= significant) {
      return trimmed(scientific.substring(0, mark)) + scientific.substring(mark);
    }
    int places = Math.max(0, significant - 1 - exponent);
    return trimmed(new BigDecimal(value).setScale(places, RoundingMode.HALF_EVEN).toPlainString());
  }

  /** Without the zeros behind the point, which the general format leaves away. */
  private String trimmed(String digits) {
    if (alternate || digits.indexOf('.') < 0) {
      return digits;
    }
    String kept = Chars.stripEnd(digits, c -> c == '0');
    return kept.endsWith(".") ? kept.substring(0, kept.length() - 1) : kept;
  }

  private String grouped(String digits, int size) {
    if (group == 0) {
      return digits;
    }
    StringBuilder text = new StringBuilder(digits);
    for (int at = digits.length() - size; at > 0; at -= size) {
      text.insert(at, group);
    }
    return text.toString();
  }

  private String aligned(Budget budget, String lead, String text, char how) {
    int missing = Math.max(0, width - text.codePointCount(0, text.length()) - lead.length());
    budget.text(text.length() + (long) missing * fill.length());
    return switch (how) {
      case '<' -> lead + text + fill.repeat(missing);
      case '^' -> fill.repeat(missing / 2) + lead + text + fill.repeat(missing - missing / 2);
      case '=' -> lead + fill.repeat(missing) + text;
      default -> fill.repeat(missing) + lead + text;
    };
  }
}
