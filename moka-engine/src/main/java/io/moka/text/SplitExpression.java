package io.moka.text;

import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * Checks a regular expression of a tokenizer before native code gets it.
 *
 * <p>The native regex engine (Oniguruma) gives up after 10,000,000 steps back in one match, and
 * that ends the process. An expression passes here only if the steps of one match are at most
 * {@link #MAX_COST} times the longest run of characters that one of its repeated classes matches;
 * texts with a run longer than {@link #MAX_RUN} are refused ({@link #longestRun}). That admits the
 * split expressions of language models (GPT-2, Llama 3, Qwen, DeepSeek, GPT-4o and their kin):
 * alternatives of characters, classes and short groups, in which at most one open repetition stands
 * before anything that can fail.
 */
final class SplitExpression {
  /** The longest run of characters of one repeated class that a text may have. */
  static final int MAX_RUN = 200_000;

  private static final int MAX_COST = 16; // times MAX_RUN: well below 10,000,000
  private static final int MAX_LENGTH = 4096;
  private static final int MAX_DEPTH = 8;
  private static final int MAX_COUNT = 16; // of {m,n}
  private static final int UNBOUNDED = Integer.MAX_VALUE;

  private final String source;
  private final List<Pattern> repeatedClasses = new ArrayList<>();
  private int at;

  private SplitExpression(String source) {
    this.source = source;
  }

  /** Ways to match the item just read, its bounds, and whether it gives characters back. */
  private record Item(int variants, int min, int max, boolean givesBack) {
    boolean repeats() {
      return max == UNBOUNDED;
    }
  }

  /**
   * Reads an expression.
   *
   * @throws IllegalArgumentException saying what is not understood or could take too long
   */
  static SplitExpression of(String source) {
    if (source.isEmpty() || source.length() > MAX_LENGTH) {
      throw new IllegalArgumentException("expected 1 to " + MAX_LENGTH + " characters");
    }
    SplitExpression expression = new SplitExpression(source);
    expression.alternatives(0);
    if (expression.at < source.length()) {
      throw expression.refuse("an unexpected ')'");
    }
    return expression;
  }

  /**
   * The longest run of characters in the text that one repeated class of the expression matches.
   */
  int longestRun(CharSequence text) {
    int longest = 0;
    for (Pattern repeated : repeatedClasses) {
      Matcher matcher = repeated.matcher(text);
      while (matcher.find()) {
        longest = Math.max(longest, matcher.end() - matcher.start());
      }
    }
    return longest;
  }

  /** Returns the number of ways in which a group can match; at depth 0, checks the cost. */
  private int alternatives(int depth) {
    if (depth > MAX_DEPTH) {
      throw refuse("groups nested too deep");
    }
    int variants = 0;
    int cost = 0;
    while (true) {
      int ways = 1;
      boolean repeated = false;
      while (at < source.length() && source.charAt(at) != '|' && source.charAt(at) != ')') {
        Item item = item(depth);
        if (item.repeats() && depth > 0) {
          throw refuse("an open repetition within a group");
        }
        ways = limit(ways * item.variants());
        if (item.min() > 0 && repeated) {
          cost = limit(cost + ways); // this item can fail after every length of the run before it
        }
        if (item.repeats() && item.givesBack()) {
          if (repeated && openEnded()) {
            throw refuse("two open repetitions before something that can fail");
          }
          repeated = true;
        }
      }
      variants = depth == 0 ? 1 : limit(variants + ways);
      if (at >= source.length() || source.charAt(at) == ')') {
        return variants;
      }
      at++; // '|'
    }
  }

  /** Whether anything that must match follows in this alternative, read without consuming it. */
  private boolean openEnded() {
    int mark = at;
    int classes = repeatedClasses.size();
    boolean mandatory = false;
    while (at < source.length() && source.charAt(at) != '|' && source.charAt(at) != ')') {
      mandatory |= item(0).min() > 0;
    }
    at = mark;
    repeatedClasses.subList(classes, repeatedClasses.size()).clear();
    return mandatory;
  }

  private int limit(int cost) {
    if (cost > MAX_COST) {
      throw refuse("too many ways to match");
    }
    return cost;
  }

  private Item item(int depth) {
    int start = at;
    char c = source.charAt(at);
    if (c == '(') {
      return group(depth);
    }
    if (c == '^' || c == '$') {
      at++;
      return new Item(1, 1, 1, false);
    }
    switch (c) {
      case '[' -> skipClass(0);
      case '\\' -> skipEscape();
      case '*', '+', '?', '{' -> throw refuse("a repetition of nothing");
      default -> at += Character.charCount(source.codePointAt(at));
    }
    return quantified(1, source.substring(start, at));
  }

  private Item group(int depth) {
    at++;
    boolean look = false;
    for (String opening : List.of("?=", "?!", "?<=", "?<!", "?:", "?i:", "?>")) {
      if (source.startsWith(opening, at)) {
        at += opening.length();
        look = opening.contains("=") || opening.contains("!");
        break;
      }
    }
    if (at < source.length() && source.charAt(at) == '?') {
      throw refuse("a group of an unknown kind");
    }
    int variants = alternatives(depth + 1);
    if (at >= source.length()) {
      throw refuse("a group without end");
    }
    at++; // ')'
    return look ? new Item(1, 1, 1, false) : quantified(variants, "");
  }

  /** Reads what repeats the item just read; {@code text} is empty for a group. */
  private Item quantified(int variants, String text) {
    int min = 1;
    int max = 1;
    char c = at < source.length() ? source.charAt(at) : ' ';
    switch (c) {
      case '?' -> min = 0;
      case '*', '+' -> {
        min = c == '+' ? 1 : 0;
        max = UNBOUNDED;
      }
      case '{' -> {
        Matcher count = Pattern.compile("\\{(\\d{1,4})(,(\\d{0,4}))?}").matcher(source);
        if (!count.find(at) || count.start() != at) {
          throw refuse("a repetition count that is none");
        }
        min = Integer.parseInt(count.group(1));
        String upper = count.group(2) == null ? count.group(1) : count.group(3);
        max = upper.isEmpty() ? UNBOUNDED : Integer.parseInt(upper);
        if (min > MAX_COUNT || max < min || max > MAX_COUNT && max != UNBOUNDED) {
          throw refuse("a repetition count above " + MAX_COUNT);
        }
        at = count.end() - 1;
      }
      default -> {
        return new Item(variants, 1, 1, variants > 1);
      }
    }
    at++;
    boolean givesBack = true;
    if (at < source.length() && (source.charAt(at) == '?' || source.charAt(at) == '+')) {
      givesBack = source.charAt(at) == '?' || c == '{';
      at++;
    }
    if (at < source.length() && "*+?{".indexOf(source.charAt(at)) >= 0) {
      throw refuse("a repetition of a repetition");
    }
    if (max == UNBOUNDED) {
      if (text.isEmpty()) {
        throw refuse("an open repetition of a group");
      }
      repeatedClasses.add(runs(text));
      return new Item(1, min, max, givesBack);
    }
    if (text.isEmpty() && max > 1) {
      throw refuse("a repeated group");
    }
    return new Item(limit(givesBack ? variants + max - min : 1), min, max, givesBack);
  }

  /** The same class in Java's notation, as often as possible. */
  private static Pattern runs(String text) {
    if (text.equals(".")) {
      return Pattern.compile("(?s).++"); // Java's dot matches fewer characters
    }
    String java =
        text.replaceAll("\\\\p\\{\\^(\\w+)}", "\\\\P{$1}")
            .replaceAll("\\\\([pP])\\{(\\w+)}", "\\\\$1{Is$2}");
    try {
      return Pattern.compile(java + "++", Pattern.UNICODE_CHARACTER_CLASS);
    } catch (PatternSyntaxException e) {
      return Pattern.compile("(?s).++"); // not known to Java: take it for any character
    }
  }

  private void skipEscape() {
    at++;
    char c = at < source.length() ? source.charAt(at) : ' ';
    if ("pP".indexOf(c) >= 0) {
      Matcher property = Pattern.compile("\\{\\^?\\w{1,40}}").matcher(source);
      if (!property.find(at) || property.start() != at + 1) {
        throw refuse("a character property without name");
      }
      at = property.end();
    } else if (c == ' ' || Character.isLetterOrDigit(c) && "sSdDwWrntvf".indexOf(c) < 0) {
      throw refuse("the escape \\" + c);
    } else {
      at += Character.charCount(source.codePointAt(at));
    }
  }

  private void skipClass(int depth) {
    if (depth > MAX_DEPTH) {
      throw refuse("classes nested too deep");
    }
    at++;
    if (at < source.length() && source.charAt(at) == '^') {
      at++;
    }
    int first = at;
    while (at < source.length()) {
      char c = source.charAt(at);
      if (c == ']' && at > first) {
        at++;
        return;
      }
      if (c == '\\') {
        skipEscape();
      } else if (c == '[' && !source.startsWith("[:", at)) {
        skipClass(depth + 1);
      } else if (c == '[' || c == ']') {
        throw refuse("a class that begins with ']' or names a POSIX class");
      } else {
        at++;
      }
    }
    throw refuse("a class without end");
  }

  private IllegalArgumentException refuse(String what) {
    return new IllegalArgumentException(
        what + ", near character " + at + " of the expression " + source);
  }
}
