package io.moka.text;

import java.util.Optional;

/** What a token of a GGUF file is; numbered from 1 on in this order (llama.cpp, llama.h). */
enum GgufTokenType {
  NORMAL,
  UNKNOWN,
  CONTROL,
  USER_DEFINED,
  UNUSED,
  BYTE;

  private static final GgufTokenType[] ALL = values();

  static Optional<GgufTokenType> of(int number) {
    return number >= 1 && number <= ALL.length ? Optional.of(ALL[number - 1]) : Optional.empty();
  }

  int number() {
    return ordinal() + 1;
  }

  /** Whether the token is a mark that plain text never becomes. */
  boolean isSpecial() {
    return this == CONTROL || this == UNKNOWN;
  }
}
