package io.moka.engine;

import io.moka.text.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The written forms of a vocabulary's special tokens, to find them in text. */
final class SpecialTokens {
  /** By first character, the longest first, as the tokenizer takes them. */
  private final Map<Character, List<String>> byFirst = new HashMap<>();

  private int longest;

  SpecialTokens(Tokenizer tokenizer) {
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      String written = new String(tokenizer.tokenBytes(id), StandardCharsets.UTF_8);
      if (tokenizer.isSpecial(id) && !written.isEmpty()) {
        byFirst.computeIfAbsent(written.charAt(0), first -> new ArrayList<>()).add(written);
        longest = Math.max(longest, written.length());
      }
    }
    byFirst.values().forEach(list -> list.sort(Comparator.comparing(String::length).reversed()));
  }

  /** Length of the special token that stands at a place; 0 for none. */
  int lengthAt(String text, int index) {
    for (String token : byFirst.getOrDefault(text.charAt(index), List.of())) {
      if (text.startsWith(token, index)) {
        return token.length();
      }
    }
    return 0;
  }

  /** Whether the text from a place to {@code end} is the beginning of a longer special token. */
  boolean beginsAt(String text, int index, int end) {
    int length = end - index;
    if (length < 1 || length >= longest) {
      return false;
    }
    for (String token : byFirst.getOrDefault(text.charAt(index), List.of())) {
      if (token.length() > length && text.startsWith(token.substring(0, length), index)) {
        return true;
      }
    }
    return false;
  }
}
