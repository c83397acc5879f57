package io.moka.text;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.function.BiConsumer;

/**
 * The merges of a SentencePiece vocabulary, which has scores instead.
 *
 * <p>Every way to put a token together from two others is a merge; the token's score ranks it, then
 * the ids (as Hugging Face's converter does). Control tokens take no part, nor do those for bytes:
 * text must not become one by being written like it.
 *
 * <p>A token can have characters that are no tokens themselves. SentencePiece merges them all the
 * same, the native library does not. So each gets an id of its own behind the vocabulary ({@link
 * #loose}), which encoding replaces where none of the merges took it up ({@link LooseCharacters}).
 */
final class ScoredMerges implements GgufMerges {
  static final String SCORES = "tokenizer.ggml.scores";

  /** Bounds the characters of all parts that are tried; a real vocabulary has some 20 million. */
  private static final long MAX_WORK = 1L << 29;

  /** One merge: two ids, those of loose characters lie behind the vocabulary. */
  private record Merge(int left, int right, float score) {}

  private final GgufTokens tokens;
  private final float[] scores;
  private final List<String> loose = new ArrayList<>();
  private final Map<String, Integer> looseIds = new HashMap<>();

  ScoredMerges(GgufTokens tokens, float[] scores) {
    tokens.requireSize(SCORES, scores.length);
    this.tokens = tokens;
    this.scores = scores;
    for (int id = 0; id < scores.length; id++) {
      if (Float.isNaN(scores[id])) {
        throw tokens.refuse(SCORES, "says NaN of token " + id);
      }
      if (isPiece(id)) {
        tokens.text(id).codePoints().forEach(this::addLoose);
      }
    }
    if (tokens.size() + loose.size() > GgufTokens.MAX_TOKENS) {
      throw tokens.refuse(
          GgufTokens.TOKENS, "has " + loose.size() + " characters that are no tokens themselves");
    }
  }

  private void addLoose(int codePoint) {
    String character = Character.toString(codePoint);
    if (tokens.idOf(character).isEmpty()
        && looseIds.putIfAbsent(character, tokens.size() + loose.size()) == null) {
      loose.add(character);
    }
  }

  private boolean isPiece(int id) {
    return tokens.isPlain(id) && tokens.type(id) != GgufTokenType.BYTE;
  }

  @Override
  public List<String> loose() {
    return loose;
  }

  @Override
  public void forEach(BiConsumer<String, String> consumer) {
    merges().forEach(merge -> consumer.accept(text(merge.left()), text(merge.right())));
  }

  private String text(int id) {
    return id < tokens.size() ? tokens.text(id) : loose.get(id - tokens.size());
  }

  private List<Merge> merges() {
    List<Merge> merges = new ArrayList<>();
    long work = 0;
    for (int id = 0; id < scores.length; id++) {
      if (!isPiece(id)) {
        continue;
      }
      long length = tokens.text(id).length();
      work += length * length;
      if (work > MAX_WORK) {
        throw tokens.refuse(GgufTokens.TOKENS, "has too many long tokens to find their merges");
      }
      List<Merge> own = splits(tokens.text(id), scores[id]);
      if (merges.size() + own.size() > MAX_MERGES) {
        throw tokens.refuse(
            GgufTokens.TOKENS, "can be put together in more than " + MAX_MERGES + " ways");
      }
      merges.addAll(own);
    }
    // 0 and -0 are the same; ties stay in the order of ids
    merges.sort(Comparator.comparingDouble(merge -> 0.0 - merge.score()));
    return merges;
  }

  private List<Merge> splits(String text, float score) {
    List<Merge> merges = new ArrayList<>();
    for (int at = 1; at < text.length(); at++) {
      int left = symbol(text.substring(0, at));
      int right = left < 0 ? -1 : symbol(text.substring(at));
      if (right >= 0) {
        merges.add(new Merge(left, right, score));
      }
    }
    merges.sort(Comparator.comparingInt(Merge::left));
    return merges;
  }

  /** The id of a token or a loose character; -1 for others. */
  private int symbol(String text) {
    OptionalInt id = tokens.idOf(text);
    if (id.isPresent()) {
      return isPiece(id.getAsInt()) ? id.getAsInt() : -1;
    }
    return looseIds.getOrDefault(text, -1);
  }
}
