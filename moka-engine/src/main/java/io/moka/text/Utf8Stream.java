package io.moka.text;

/**
 * Turns a stream of UTF-8 bytes into text, complete characters only.
 *
 * <p>An ill-formed sequence becomes U+FFFD as soon as it is certain, one for each maximal subpart
 * (Unicode 16, section 3.9, "U+FFFD Substitution of Maximal Subparts").
 */
final class Utf8Stream {
  private static final char REPLACEMENT = '\uFFFD';

  /** Bits of the character begun so far. */
  private int codePoint;

  /** Continuation bytes that the character begun still needs; 0 between characters. */
  private int missing;

  /** What the next continuation byte may be: narrower than 80..BF after E0, ED, F0 and F4. */
  private int lowest;

  private int highest;

  /**
   * Whether ED and A0..BF stand alone: the begin of an encoded surrogate. It is two subparts
   * already, but the reference decoder (Python's) gives them out with the next byte only, and so
   * does this.
   */
  private boolean surrogate;

  void feed(byte[] bytes, int from, StringBuilder out) {
    for (int i = from; i < bytes.length; i++) {
      feed(bytes[i] & 0xFF, out);
    }
  }

  private void feed(int value, StringBuilder out) {
    if (surrogate) {
      finish(out);
    } else if (missing > 0) {
      if (value >= lowest && value <= highest) {
        codePoint = codePoint << 6 | value & 0x3F;
        lowest = 0x80;
        highest = 0xBF;
        if (--missing == 0) {
          out.appendCodePoint(codePoint);
        }
        return;
      }
      surrogate = highest == 0x9F && value >= 0xA0 && value <= 0xBF;
      if (surrogate) {
        return;
      }
      missing = 0;
      out.append(REPLACEMENT); // the subpart so far; this byte begins anew
    }
    begin(value, out);
  }

  private void begin(int value, StringBuilder out) {
    if (value < 0x80) {
      out.append((char) value);
      return;
    }
    if (value < 0xC2 || value > 0xF4) { // a stray continuation byte, or no byte of UTF-8 at all
      out.append(REPLACEMENT);
      return;
    }
    missing = value < 0xE0 ? 1 : value < 0xF0 ? 2 : 3;
    codePoint = value & (0x3F >> missing);
    lowest = value == 0xE0 ? 0xA0 : value == 0xF0 ? 0x90 : 0x80; // no overlong forms
    highest = value == 0xED ? 0x9F : value == 0xF4 ? 0x8F : 0xBF; // no surrogates, none past 10FFFF
  }

  /** Gives up the character begun: one U+FFFD for each subpart. */
  void finish(StringBuilder out) {
    if (missing > 0) {
      out.append(REPLACEMENT);
    }
    if (surrogate) {
      out.append(REPLACEMENT);
    }
    missing = 0;
    surrogate = false;
  }
}
