package io.moka.engine;

import io.moka.RequestException;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;

/**
 * Single characters that stand for pieces of text while a template is rendered: private-use code
 * points that occur nowhere else in what is rendered.
 */
final class Placeholders {
  private static final int FIRST = 0xF0000;
  private static final int LAST = 0x10FFFD;

  private final BitSet taken = new BitSet();
  private final Map<String, String> placeholders = new HashMap<>();
  private final Map<Integer, String> byCodePoint = new HashMap<>();
  private int next = FIRST;

  /** Takes note of text that will be rendered, before the first placeholder is made. */
  void reserve(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isHighSurrogate(text.charAt(i)) && text.codePointAt(i) >= FIRST) {
        taken.set(text.codePointAt(i) - FIRST);
      }
    }
  }

  /** The placeholder of a piece. */
  String of(String piece) {
    return placeholders.computeIfAbsent(piece, this::create);
  }

  private String create(String piece) {
    next = FIRST + taken.nextClearBit(next - FIRST);
    if (next > LAST) {
      throw new RequestException(
          "The messages use every private-use character there is; leave some of them out");
    }
    byCodePoint.put(next, piece);
    return Character.toString(next++);
  }

  boolean isEmpty() {
    return byCodePoint.isEmpty();
  }

  /** Whether a placeholder stands at a place. */
  boolean isAt(String text, int index) {
    return byCodePoint.containsKey(text.codePointAt(index));
  }

  /** The text with the pieces put back. */
  String restore(String text) {
    StringBuilder restored = new StringBuilder(text.length());
    text.codePoints()
        .forEach(c -> {
          String piece = byCodePoint.get(c);
          if (piece == null) {
            restored.appendCodePoint(c);
          } else {
            restored.append(piece);
          }
        });
    return restored.toString();
  }
}
