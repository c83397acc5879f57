package io.moka.text;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import tools.jackson.databind.JsonNode;

/**
 * How a vocabulary writes bytes as tokens, from the decoder of a tokenizer.json.
 *
 * @param byteLevel whether each character of a token stands for one byte (GPT-2's alphabet); else
 *     tokens are text with U+2581 for a space (SentencePiece)
 * @param byteFallback whether tokens such as {@code <0x0A>} stand for one byte
 * @param stripsLeadingSpace whether a text's first space belongs to the notation, not to the text
 */
record TokenBytes(boolean byteLevel, boolean byteFallback, boolean stripsLeadingSpace) {
  /** SentencePiece's sign for a space. */
  static final String SPACE = "\u2581";

  /** Byte by character of GPT-2's alphabet; -1 for other characters. */
  private static final short[] ALPHABET = alphabet();

  private static final byte[] NOTHING = {};

  /**
   * Reads a decoder.
   *
   * @throws IllegalArgumentException saying what is not supported
   */
  static TokenBytes of(JsonNode decoder) {
    String type = TokenizerSteps.string(decoder, "type");
    switch (type) {
      case "ByteLevel" -> {
        return new TokenBytes(true, false, false);
      }
      case "Metaspace" -> {
        boolean strips =
            decoder.has("prepend_scheme")
                ? !TokenizerSteps.string(decoder, "prepend_scheme").equals("never")
                : TokenizerSteps.flag(decoder, "add_prefix_space", true);
        return new TokenBytes(false, false, strips);
      }
      case "Sequence" -> {
        TokenBytes all = new TokenBytes(false, false, false);
        for (JsonNode step : decoder.path("decoders")) {
          all = all.with(step);
        }
        return all;
      }
      default -> throw new IllegalArgumentException("a step of type " + type);
    }
  }

  private TokenBytes with(JsonNode step) {
    String type = TokenizerSteps.string(step, "type");
    switch (type) {
      case "Fuse" -> {
        return this;
      }
      case "ByteFallback" -> {
        return new TokenBytes(byteLevel, true, stripsLeadingSpace);
      }
      case "Replace" -> {
        if (step.path("pattern").path("String").asString("").equals(SPACE)
            && step.path("content").asString("").equals(" ")) {
          return this;
        }
      }
      case "Strip" -> {
        if (step.path("content").asString("").equals(" ")
            && step.path("start").asInt(0) == 1
            && step.path("stop").asInt(0) == 0) {
          return new TokenBytes(byteLevel, byteFallback, true);
        }
      }
      case "ByteLevel", "Metaspace" -> {
        TokenBytes own = of(step);
        return new TokenBytes(own.byteLevel, byteFallback, own.stripsLeadingSpace);
      }
      default -> {}
    }
    throw new IllegalArgumentException("a step of type " + type + " with these settings");
  }

  /** The bytes that a token stands for; those of an added token are its text. */
  byte[] of(String token, boolean added) {
    if (!byteLevel) {
      if (byteFallback && isByte(token)) {
        return new byte[] {(byte) Integer.parseInt(token.substring(3, 5), 16)};
      }
      return token.replace(SPACE, " ").getBytes(StandardCharsets.UTF_8);
    }
    if (added) {
      return token.getBytes(StandardCharsets.UTF_8);
    }
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      if (c >= ALPHABET.length || ALPHABET[c] < 0) {
        return token.getBytes(StandardCharsets.UTF_8); // no token that text could become
      }
      bytes[i] = (byte) ALPHABET[c];
    }
    return bytes;
  }

  /** Whether a token stands for one byte where bytes are tokens: {@code <0x0A>}. */
  static boolean isByte(String token) {
    return token.length() == 6 && token.matches("<0x[0-9A-Fa-f]{2}>");
  }

  /** What an id without token stands for. */
  static byte[] nothing() {
    return NOTHING;
  }

  /**
   * GPT-2's alphabet: bytes that are visible Latin-1 characters are themselves, the others are the
   * characters from U+0100 on, in order.
   */
  private static short[] alphabet() {
    short[] bytes = new short[0x144];
    Arrays.fill(bytes, (short) -1);
    int next = 0x100;
    for (int value = 0; value < 256; value++) {
      boolean visible =
          value >= '!' && value <= '~' || value >= 0xA1 && value <= 0xAC || value >= 0xAE;
      bytes[visible ? value : next++] = (short) value;
    }
    return bytes;
  }
}
