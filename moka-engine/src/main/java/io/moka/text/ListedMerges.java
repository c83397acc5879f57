package io.moka.text;

import io.moka.ModelException;
import java.util.List;
import java.util.OptionalInt;
import java.util.function.BiConsumer;

/** The merges of a byte-level vocabulary, which the file lists. */
record ListedMerges(GgufTokens tokens, List<String> merges) implements GgufMerges {
  private static final String MERGES = "tokenizer.ggml.merges";

  ListedMerges {
    if (merges.isEmpty() || merges.size() > MAX_MERGES) {
      throw tokens.refuse(MERGES, "has " + merges.size() + " entries; expected 1 to " + MAX_MERGES);
    }
  }

  @Override
  public void forEach(BiConsumer<String, String> consumer) {
    for (int i = 0; i < merges.size(); i++) {
      String merge = merges.get(i);
      int space = merge.indexOf(' ', 1); // as llama.cpp finds it
      if (space < 0) {
        throw wrong(i, "is no pair of tokens");
      }
      String left = merge.substring(0, space);
      String right = merge.substring(space + 1);
      // else plain text could become a control token
      if (isPlain(left, i) & isPlain(right, i) & isPlain(left + right, i)) {
        consumer.accept(left, right);
      }
    }
  }

  private boolean isPlain(String token, int index) {
    OptionalInt id = tokens.idOf(token);
    if (id.isEmpty()) {
      throw wrong(index, "names " + GgufTokens.shown(token) + ", no token of the vocabulary");
    }
    return tokens.isPlain(id.getAsInt());
  }

  private ModelException wrong(int index, String what) {
    return tokens.refuse(
        MERGES, "has at " + index + " " + GgufTokens.shown(merges.get(index)) + ", which " + what);
  }

  @Override
  public List<String> loose() {
    return List.of();
  }
}
