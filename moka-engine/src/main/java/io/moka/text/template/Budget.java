package io.moka.text.template;

import java.math.BigInteger;

/** What one rendering may still spend. Text costs a step for {@link #CHARS_PER_STEP} characters. */
final class Budget {
  /** Enough for some thousand messages in the longest templates known. */
  static final long MAX_STEPS = 2_000_000;

  /**
   * Expressions, blocks and macro calls within each other; a usual stack holds several times this.
   */
  static final int MAX_DEPTH = 300;

  /** Lists in lists in lists: how deep comparing, printing and JSON go. */
  static final int MAX_VALUE_DEPTH = 400;

  /** The longest text, the output's or one on its way, in UTF-16 units. */
  static final int MAX_TEXT = 16 << 20;

  /** More than Python prints; enough to compare such numbers. */
  static final int MAX_INTEGER_BITS = 1 << 16;

  static final String INTEGER_TOO_LARGE =
      "the template makes an integer of more than " + MAX_INTEGER_BITS + " bits";

  private static final int CHARS_PER_STEP = 64;

  private long steps = MAX_STEPS;
  private int depth;

  /** Takes one step. */
  void step() {
    steps(1);
  }

  /** Takes a number of steps, before the work. */
  void steps(long count) {
    if (count < 0 || count > steps) {
      steps = 0;
      throw new EvaluationError(
          "the template takes more than "
              + MAX_STEPS
              + " steps; it is hostile, or the conversation too long");
    }
    steps -= count;
  }

  /** Pays for making or reading text, before the work. */
  void text(long chars) {
    if (chars > MAX_TEXT) {
      throw new EvaluationError(
          "the template makes a text of more than " + MAX_TEXT + " characters");
    }
    steps(chars / CHARS_PER_STEP + 1);
  }

  /** Pays for looking for one text in another; the worst case multiplies the lengths. */
  void find(String text, String wanted) {
    long compared = (long) text.length() * Math.min(wanted.length(), text.length());
    steps(compared / 4096 + text.length() / CHARS_PER_STEP + 1);
  }

  /** Returns the integer if it is not too large. */
  Value integer(BigInteger value) {
    if (value.bitLength() > MAX_INTEGER_BITS) {
      throw new EvaluationError(INTEGER_TOO_LARGE);
    }
    steps(value.bitLength() / CHARS_PER_STEP);
    return new Value.Int(value);
  }

  /** Goes one level down; pair with {@link #leave}. */
  void enter() {
    if (depth >= MAX_DEPTH) {
      throw new EvaluationError(
          "the template nests expressions, blocks or macro calls more than " + MAX_DEPTH + " deep");
    }
    depth++;
    step();
  }

  /** Comes back up. */
  void leave() {
    depth--;
  }

  /** Checks the depth reached within a value. */
  void valueDepth(int depth) {
    if (depth > MAX_VALUE_DEPTH) {
      throw new EvaluationError(
          "a value nests lists or objects more than " + MAX_VALUE_DEPTH + " deep");
    }
    step();
  }
}
