package io.moka.hub;

import java.time.Duration;
import java.time.Instant;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How long to wait before something is tried again. */
final class Backoff {
  /** A hub that wants more patience gets an error that says how much. */
  static final Duration LONGEST = Duration.ofMinutes(2);

  private static final Duration FIRST = Duration.ofMillis(500);
  private static final Duration LONGEST_GUESS = Duration.ofSeconds(10);

  /** {@code "api";r=0;t=55}: nothing remains, for 55 seconds. */
  private static final Pattern LIMIT = Pattern.compile("\\br=0;t=(\\d{1,9})\\b");

  private Backoff() {}

  /** Waits; a test's does not. */
  interface Pause {
    void sleep(Duration duration) throws InterruptedException;
  }

  /** Twice as long after each failure in a row. */
  static Duration after(int failures) {
    Duration doubled = FIRST.multipliedBy(1L << Math.min(failures - 1, 20));
    return doubled.compareTo(LONGEST_GUESS) < 0 ? doubled : LONGEST_GUESS;
  }

  /** What an answer asks for, by {@code Retry-After} or by its rate limit; empty for nothing. */
  static Optional<Duration> asked(Reply reply, Instant now) {
    Optional<Duration> limit =
        reply
            .header("RateLimit")
            .map(LIMIT::matcher)
            .filter(Matcher::find)
            .map(matcher -> Duration.ofSeconds(Long.parseLong(matcher.group(1))));
    return limit.or(
        () -> reply.header("Retry-After").flatMap(text -> retryAfter(text.strip(), now)));
  }

  private static Optional<Duration> retryAfter(String text, Instant now) {
    if (text.matches("\\d{1,9}")) {
      return Optional.of(Duration.ofSeconds(Long.parseLong(text)));
    }
    try {
      Instant then = ZonedDateTime.parse(text, DateTimeFormatter.RFC_1123_DATE_TIME).toInstant();
      return Optional.of(Duration.between(now, then)).filter(Duration::isPositive);
    } catch (DateTimeParseException _) {
      return Optional.empty();
    }
  }
}
