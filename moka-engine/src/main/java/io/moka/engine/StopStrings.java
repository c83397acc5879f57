package io.moka.engine;

import java.util.List;

/**
 * Ends a text at the first stop string, and holds back what may become one. The stop string that is
 * complete first counts, of several the longest; so the cut does not depend on how the text was
 * divided into tokens.
 */
final class StopStrings {
  private final List<String> stops;
  private final StringBuilder held = new StringBuilder();
  private boolean found;

  StopStrings(List<String> stops) {
    this.stops = stops;
  }

  /** Whether a stop string came; the text is over. */
  boolean found() {
    return found;
  }

  /** Takes more text; returns what is certain to be no part of a stop string. */
  String push(String text) {
    if (stops.isEmpty()) {
      return text;
    }
    for (int i = 0; i < text.length() && !found; i++) {
      held.append(text.charAt(i));
      int longest = longestAtEnd();
      if (longest > 0) {
        held.setLength(held.length() - longest);
        found = true;
      }
    }
    return take(found ? held.length() : held.length() - undecided());
  }

  /** Ends the text; returns what was held back and is no stop string after all. */
  String flush() {
    return take(held.length());
  }

  private String take(int count) {
    String certain = held.substring(0, count);
    held.delete(0, count);
    return certain;
  }

  private int longestAtEnd() {
    int longest = 0;
    for (String stop : stops) {
      if (stop.length() > longest && endsWith(stop, stop.length())) {
        longest = stop.length();
      }
    }
    return longest;
  }

  /** Length of the longest end of the held text with which a stop string begins. */
  private int undecided() {
    int longest = 0;
    for (String stop : stops) {
      for (int length = stop.length() - 1; length > longest; length--) {
        if (endsWith(stop, length)) {
          longest = length;
        }
      }
    }
    return longest;
  }

  private boolean endsWith(String stop, int length) {
    int from = held.length() - length;
    if (from < 0) {
      return false;
    }
    for (int i = 0; i < length; i++) {
      if (held.charAt(from + i) != stop.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
