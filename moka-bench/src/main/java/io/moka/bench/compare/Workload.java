package io.moka.bench.compare;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A piece of work that every engine runs.
 *
 * @param prompt tokens of a prefill; 0 for decode
 * @param sequences rows of a decode step
 * @param context positions that each sequence's cache holds before decode
 * @param busy whether a foreign process takes a core meanwhile
 */
record Workload(int prompt, int sequences, int context, boolean busy) {
  private static final Pattern DECODE =
      Pattern.compile("decode(?:x([1-9]\\d{0,2}))?(?:@(\\d{1,6}))?(\\+busy)?");
  private static final Pattern PREFILL = Pattern.compile("prefill([1-9]\\d{0,5})");

  private static final int STEPS = 64;
  private static final int LONG_STEPS = 32;
  private static final int TRIAL_PROMPT = 4096;

  /** Reads {@code decode}, {@code decodex16}, {@code decode@16384}, {@code prefill512}, ... */
  static Workload parse(String name) {
    Matcher decode = DECODE.matcher(name);
    Matcher prefill = PREFILL.matcher(name);
    Workload work;
    if (decode.matches()) {
      work =
          new Workload(
              0, number(decode.group(1), 1), number(decode.group(2), 0), decode.group(3) != null);
    } else if (prefill.matches()) {
      work = new Workload(Integer.parseInt(prefill.group(1)), 1, 0, false);
    } else {
      throw new IllegalArgumentException(
          "\""
              + name
              + "\" is no work; write such as decode, decodex16, decode@16384,"
              + " decode+busy or prefill512");
    }
    return work;
  }

  private static int number(String digits, int otherwise) {
    return Optional.ofNullable(digits).map(Integer::parseInt).orElse(otherwise);
  }

  boolean decodes() {
    return prompt == 0;
  }

  /** Measured steps of a decode; fewer where one takes long. */
  int steps() {
    return sequences == 1 && context == 0 ? STEPS : LONG_STEPS;
  }

  /** What shows sooner how to run this: a part of a prompt that takes minutes. */
  Workload trial() {
    return prompt > TRIAL_PROMPT ? new Workload(TRIAL_PROMPT, sequences, context, busy) : this;
  }

  /** Tokens that one run of an engine counts. */
  int tokens() {
    return decodes() ? steps() * sequences : prompt;
  }

  /** The command that an engine answers with the nanoseconds of this work. */
  String command(int steps, boolean flash) {
    String flag = flash ? "1" : "0";
    return decodes()
        ? "decode " + steps + " " + sequences + " " + context + " " + flag
        : "prefill " + prompt + " " + flag;
  }

  @Override
  public String toString() {
    return decodes()
        ? "decode"
            + (sequences > 1 ? "x" + sequences : "")
            + (context > 0 ? "@" + context : "")
            + (busy ? "+busy" : "")
        : "prefill" + prompt;
  }
}
