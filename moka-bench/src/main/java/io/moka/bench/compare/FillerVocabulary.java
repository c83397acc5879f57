package io.moka.bench.compare;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * A vocabulary that makes a file complete and means nothing: the letters of byte-level BPE, a few
 * merges, an end, and fillers up to the size wanted.
 */
final class FillerVocabulary {
  private static final int NORMAL = 1;
  private static final int CONTROL = 3;
  private static final int UNUSED = 5;
  private static final String LETTERS = "etaoinshrdlu";

  private FillerVocabulary() {}

  static void put(GgufWriter head, int size) {
    Set<String> tokens = new LinkedHashSet<>(byteLetters());
    List<String> merges = new ArrayList<>();
    for (char first : LETTERS.toCharArray()) {
      for (char second : LETTERS.toCharArray()) {
        tokens.add("" + first + second);
        merges.add(first + " " + second);
      }
    }
    if (tokens.size() >= size) {
      throw new IllegalArgumentException(
          "a vocabulary of " + size + " tokens is too small; " + tokens.size() + " are needed");
    }
    int end = tokens.size();
    int[] types = new int[size];
    Arrays.fill(types, 0, end, NORMAL);
    types[end] = CONTROL;
    Arrays.fill(types, end + 1, size, UNUSED);
    tokens.add("<|endoftext|>");
    while (tokens.size() < size) {
      tokens.add("<|fill" + tokens.size() + "|>");
    }
    head.put("tokenizer.ggml.model", "gpt2");
    head.put("tokenizer.ggml.pre", "qwen2");
    head.putStrings("tokenizer.ggml.tokens", List.copyOf(tokens));
    head.putIntegers("tokenizer.ggml.token_type", types);
    head.putStrings("tokenizer.ggml.merges", merges);
    head.put("tokenizer.ggml.eos_token_id", end);
    head.put("tokenizer.ggml.padding_token_id", end);
    head.put("tokenizer.ggml.bos_token_id", end);
    head.put("tokenizer.ggml.add_bos_token", false);
  }

  /** The printable letter that stands for each byte in byte-level BPE. */
  private static List<String> byteLetters() {
    List<String> letters = new ArrayList<>();
    int extra = 0;
    for (int value = 0; value < 256; value++) {
      boolean printable = value > ' ' && value < 127 || value > 160 && value != 173;
      letters.add(Character.toString(printable ? value : 256 + extra++));
    }
    return letters;
  }
}
