package io.moka.text.template;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;

/** The methods of Python's str that take a text apart. */
final class TextSplitting {
  private TextSplitting() {}

  static Value split(Budget budget, String text, Arguments arguments, boolean fromEnd) {
    Arguments.Bound bound = arguments.bind("split", 0, "sep", "maxsplit");
    int most = bound.integer("maxsplit", -1);
    most = most < 0 ? Integer.MAX_VALUE : most;
    Optional<String> separator = bound.text("sep");
    if (separator.isEmpty()) {
      return list(budget, fromEnd ? wordsFromEnd(text, most) : words(text, most));
    }
    String wanted = separator.get();
    if (wanted.isEmpty()) {
      throw new EvaluationError("split() needs a separator that is not empty");
    }
    budget.find(text, wanted);
    return list(budget, fromEnd ? partsFromEnd(text, wanted, most) : parts(text, wanted, most));
  }

  private static Value list(Budget budget, List<String> parts) {
    budget.steps(parts.size());
    List<Value> values = new ArrayList<>(parts.size());
    parts.forEach(part -> values.add(Value.of(part)));
    return new Value.ListValue(values);
  }

  private static List<String> parts(String text, String separator, int most) {
    List<String> parts = new ArrayList<>();
    int from = 0;
    for (int at = text.indexOf(separator);
        at >= 0 && parts.size() < most;
        at = text.indexOf(separator, from)) {
      parts.add(text.substring(from, at));
      from = at + separator.length();
    }
    parts.add(text.substring(from));
    return parts;
  }

  private static List<String> partsFromEnd(String text, String separator, int most) {
    List<String> parts = new ArrayList<>();
    int end = text.length();
    while (parts.size() < most) {
      int at = text.lastIndexOf(separator, end - separator.length());
      if (at < 0 || end < separator.length()) {
        break;
      }
      parts.add(text.substring(at + separator.length(), end));
      end = at;
    }
    parts.add(text.substring(0, end));
    Collections.reverse(parts);
    return parts;
  }

  private static List<String> words(String text, int most) {
    List<String> words = new ArrayList<>();
    int at = skip(text, 0, true);
    while (at < text.length()) {
      if (words.size() >= most) {
        words.add(text.substring(at));
        return words;
      }
      int end = skip(text, at, false);
      words.add(text.substring(at, end));
      at = skip(text, end, true);
    }
    return words;
  }

  private static int skip(String text, int from, boolean space) {
    int at = from;
    while (at < text.length() && Chars.isSpace(text.charAt(at)) == space) {
      at++;
    }
    return at;
  }

  private static List<String> wordsFromEnd(String text, int most) {
    List<String> words = new ArrayList<>();
    int end = Chars.stripEnd(text, Chars::isSpace).length();
    while (end > 0) {
      if (words.size() >= most) {
        words.add(text.substring(0, end));
        break;
      }
      int start = end;
      while (start > 0 && !Chars.isSpace(text.charAt(start - 1))) {
        start--;
      }
      words.add(text.substring(start, end));
      end = start;
      while (end > 0 && Chars.isSpace(text.charAt(end - 1))) {
        end--;
      }
    }
    Collections.reverse(words);
    return words;
  }

  static Value lines(Budget budget, String text, Arguments arguments) {
    boolean keepEnds = arguments.bind("splitlines", 0, "keepends").truth("keepends", false);
    return list(budget, lines(text, keepEnds));
  }

  /** The lines of a text; an end of line at its very end begins no further one. */
  static List<String> lines(String text, boolean keepEnds) {
    List<String> lines = new ArrayList<>();
    int from = 0;
    while (from < text.length()) {
      int end = from;
      while (end < text.length() && !Chars.isLineEnd(text.charAt(end))) {
        end++;
      }
      int next = Math.min(end + (text.startsWith("\r\n", end) ? 2 : 1), text.length());
      lines.add(text.substring(from, keepEnds ? next : end));
      from = next;
    }
    return lines;
  }

  static Value partition(Budget budget, String text, Arguments arguments, boolean last) {
    Arguments.Bound bound = arguments.bind("partition", 1, "sep");
    String separator = bound.text("sep").orElse("");
    if (separator.isEmpty()) {
      throw new EvaluationError("partition() needs a separator that is not empty");
    }
    budget.find(text, separator);
    int at = last ? text.lastIndexOf(separator) : text.indexOf(separator);
    if (at < 0) {
      return last ? texts("", "", text) : texts(text, "", "");
    }
    return texts(text.substring(0, at), separator, text.substring(at + separator.length()));
  }

  private static Value texts(String first, String second, String third) {
    return new Value.Tuple(List.of(Value.of(first), Value.of(second), Value.of(third)));
  }
}
