package io.moka.text.template;

import io.moka.TemplateException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Turns what Java callers give into values. */
final class Inputs {
  private Inputs() {}

  static Value value(Object object) {
    return value(object, 0);
  }

  private static Value value(Object object, int depth) {
    if (depth > Budget.MAX_VALUE_DEPTH) {
      throw new TemplateException(
          "A variable of the chat template nests lists or objects more than "
              + Budget.MAX_VALUE_DEPTH
              + " deep.");
    }
    return switch (object) {
      case null -> Value.NONE;
      case Optional<?> optional -> optional.isPresent() ? value(optional.get(), depth) : Value.NONE;
      case String text -> Value.of(text);
      case Boolean bool -> Value.of(bool);
      case Integer number -> Value.of(number);
      case Long number -> Value.of(number);
      case Short number -> Value.of(number);
      case Byte number -> Value.of(number);
      case BigInteger number -> integer(number);
      case Double real -> new Value.Real(real);
      case Float real -> new Value.Real(real);
      case BigDecimal real -> new Value.Real(real.doubleValue());
      case List<?> list -> {
        List<Value> items = new ArrayList<>(list.size());
        for (Object item : list) {
          items.add(value(item, depth + 1));
        }
        yield new Value.ListValue(items);
      }
      case Map<?, ?> map -> {
        Dict dict = new Dict();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          dict.put(value(entry.getKey(), depth + 1), value(entry.getValue(), depth + 1));
        }
        yield dict;
      }
      default ->
          throw new TemplateException(
              "A variable of the chat template is a "
                  + object.getClass().getSimpleName()
                  + "; expected text, a number, a boolean, a list, a map or an Optional.");
    };
  }

  private static Value integer(BigInteger number) {
    if (number.bitLength() > Budget.MAX_INTEGER_BITS) {
      throw new TemplateException(
          "A variable of the chat template is an integer of more than "
              + Budget.MAX_INTEGER_BITS
              + " bits.");
    }
    return new Value.Int(number);
  }
}
