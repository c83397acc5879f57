package io.moka.text.template;

import java.util.List;

/** Text in terms of code points, and the little that is left of HTML escaping. */
final class Texts {
  private Texts() {}

  /** Two texts after each other; if one is safe, the other is escaped and so is the result. */
  static Value.Text joined(Budget budget, Value.Text left, Value.Text right) {
    boolean safe = left.safe() || right.safe();
    String a = safe ? escaped(budget, left) : left.value();
    String b = safe ? escaped(budget, right) : right.value();
    budget.text((long) a.length() + b.length());
    return new Value.Text(a.concat(b), safe);
  }

  /** The text with the characters that HTML reserves written out, unless it is safe already. */
  static String escaped(Budget budget, Value.Text text) {
    String value = text.value();
    if (text.safe()) {
      return value;
    }
    budget.text(value.length());
    StringBuilder escaped = new StringBuilder(value.length());
    for (int i = 0; i < value.length(); i++) {
      char c = value.charAt(i);
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&#34;");
        case '\'' -> escaped.append("&#39;");
        default -> escaped.append(c);
      }
    }
    return escaped.toString();
  }

  /** Texts with a separator between them. */
  static String join(Budget budget, String separator, List<String> parts) {
    long length = (long) separator.length() * Math.max(0, parts.size() - 1);
    for (String part : parts) {
      length += part.length();
    }
    budget.steps(parts.size());
    budget.text(length);
    return String.join(separator, parts);
  }

  /** Replaces the first {@code limit} occurrences, all if it is negative. */
  static String replaced(Budget budget, String text, String old, String replacement, int limit) {
    budget.find(text, old);
    StringBuilder result = new StringBuilder();
    int from = 0;
    int left = limit < 0 ? Integer.MAX_VALUE : limit;
    int at = left > 0 ? text.indexOf(old) : -1;
    while (at >= 0 && left > 0) {
      budget.step();
      result.append(text, from, at).append(replacement);
      if (result.length() > Budget.MAX_TEXT) {
        budget.text(result.length());
      }
      left--;
      from = at + old.length();
      if (old.isEmpty()) {
        // Between any two characters, and at both ends.
        if (at >= text.length()) {
          break;
        }
        int next = text.offsetByCodePoints(at, 1);
        if (left > 0) {
          result.append(text, at, next);
          from = next;
        }
        at = next;
      } else {
        at = text.indexOf(old, from);
      }
    }
    result.append(text, from, text.length());
    budget.text(result.length());
    return result.toString();
  }

  /** The code points of a text. */
  static int[] points(Budget budget, String text) {
    budget.steps(text.length() / 16 + 1);
    return text.codePoints().toArray();
  }
}
