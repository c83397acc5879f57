package io.moka.text.template;

import static java.util.Map.entry;

import io.moka.text.template.Filters.Filter;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.math.RoundingMode;
import java.util.Map;
import java.util.Optional;

/** Filters that give numbers, or text of numbers. */
final class NumberFilters {
  static final Map<String, Filter> ALL =
      Map.ofEntries(
          entry("abs", NumberFilters::abs),
          entry("int", NumberFilters::toInt),
          entry("float", NumberFilters::toFloat),
          entry("round", NumberFilters::round),
          entry("filesizeformat", NumberFilters::fileSize));

  private NumberFilters() {}

  private static Value abs(Environment env, Value in, Arguments args) {
    Lookup.requireDefined(in);
    if (in instanceof Value.Real real) {
      return new Value.Real(Math.abs(real.value()));
    }
    return new Value.Int(requireWhole("abs", in).abs());
  }

  private static BigInteger requireWhole(String filter, Value value) {
    Lookup.requireDefined(value);
    return Numbers.whole(value)
        .orElseThrow(
            () -> new EvaluationError(filter + " needs a number, not a " + Types.name(value)));
  }

  private static Value toInt(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("int", 0, "default", "base");
    Lookup.requireDefined(in);
    Optional<BigInteger> whole =
        in instanceof Value.Text text
            ? Numbers.parseWhole(charged(env, text), bound.integer("base", 10))
            : Numbers.whole(in);
    return whole
        .or(() ->
            real(env, in).filter(Double::isFinite).map(real -> new BigDecimal(real).toBigInteger()))
        .<Value>map(Value.Int::new)
        .orElseGet(() -> bound.find("default").orElse(Value.of(0)));
  }

  private static Value toFloat(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("float", 0, "default");
    Lookup.requireDefined(in);
    return real(env, in)
        .<Value>map(Value.Real::new)
        .orElseGet(() -> bound.find("default").orElse(new Value.Real(0)));
  }

  private static String charged(Environment env, Value.Text text) {
    env.budget().text(text.value().length());
    return text.value();
  }

  private static Optional<Double> real(Environment env, Value value) {
    if (value instanceof Value.Text text) {
      return Numbers.parseReal(charged(env, text));
    }
    return Numbers.isNumber(value) ? Optional.of(Numbers.real(value)) : Optional.empty();
  }

  private static Value round(Environment env, Value in, Arguments args) {
    Arguments.Bound bound = args.bind("round", 0, "precision", "method");
    int precision = Math.max(-400, Math.min(400, bound.integer("precision", 0)));
    String method = bound.text("method").orElse("common");
    boolean real = in instanceof Value.Real;
    BigDecimal exact;
    if (in instanceof Value.Real number) {
      if (!Double.isFinite(number.value())) {
        return in;
      }
      exact = new BigDecimal(number.value());
    } else {
      exact = new BigDecimal(requireWhole("round", in));
    }
    switch (method) {
      case "common" -> {
        BigDecimal rounded = exact.setScale(precision, RoundingMode.HALF_EVEN);
        if (!real) {
          return new Value.Int(
              exact.scale() <= precision ? exact.toBigInteger() : rounded.toBigInteger());
        }
        double value = rounded.doubleValue();
        return new Value.Real(value == 0 ? Math.copySign(0.0, Numbers.real(in)) : value);
      }
      case "ceil", "floor" -> {
        double scale = Math.pow(10, precision);
        double scaled = Numbers.real(in) * scale;
        return new Value.Real(
            (method.equals("ceil") ? Math.ceil(scaled) : Math.floor(scaled)) / scale);
      }
      default -> throw new EvaluationError("round knows the methods common, ceil and floor");
    }
  }

  private static Value fileSize(Environment env, Value in, Arguments args) {
    boolean binary = args.bind("filesizeformat", 0, "binary").truth("binary", false);
    double bytes =
        real(env, in)
            .orElseThrow(() ->
                new EvaluationError("filesizeformat needs a number, not a " + Types.name(in)));
    int base = binary ? 1024 : 1000;
    if (bytes == 1) {
      return Value.of("1 Byte");
    }
    if (bytes < base) {
      return Value.of((long) bytes + " Bytes");
    }
    double size = bytes / base;
    int unit = 0;
    while (size >= base && unit < 7) {
      size /= base;
      unit++;
    }
    String number =
        Double.isFinite(size)
            ? new BigDecimal(size).setScale(1, RoundingMode.HALF_EVEN).toPlainString()
            : Numbers.text(size);
    String prefix = (binary ? "KMGTPEZY" : "kMGTPEZY").substring(unit, unit + 1);
    return Value.of(number + " " + prefix + (binary ? "iB" : "B"));
  }
}
