package io.moka.text;

import io.moka.ModelException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/**
 * The tokens of a GGUF file, checked: each text and each type, and the ids that the file names.
 *
 * <p>Three kinds are told apart. <em>Absent</em> ids have no token: what converters put in to make
 * the vocabulary as large as the model's matrix. <em>Plain</em> tokens are what plain text can
 * become. <em>Added</em> tokens are looked for in a text before anything else, special ones only
 * where that is asked for.
 */
final class GgufTokens {
  static final String TOKENS = "tokenizer.ggml.tokens";
  static final String TYPES = "tokenizer.ggml.token_type";

  static final int MAX_TOKENS = 1 << 20;
  private static final int MAX_TOKEN_LENGTH = 4096;
  private static final int SHOWN = 40;

  private final String source;
  private final GgufVocabulary vocabulary;
  private final boolean sentencePiece;
  private final GgufTokenType[] types;
  private final Map<String, Integer> ids = new HashMap<>();

  GgufTokens(String source, GgufVocabulary vocabulary) {
    this.source = source;
    this.vocabulary = vocabulary;
    this.sentencePiece = vocabulary.model().equals("llama");
    int size = vocabulary.tokens().size();
    if (size == 0 || size > MAX_TOKENS) {
      throw refuse(TOKENS, "has " + size + " tokens; expected 1 to " + MAX_TOKENS);
    }
    requireSize(TYPES, vocabulary.tokenTypes().length);
    this.types = new GgufTokenType[size];
    for (int id = 0; id < size; id++) {
      checkText(id);
      types[id] = checkedType(id);
    }
    GgufVocabulary.ID_KEYS.forEach(this::id);
    endsAreControlTokens();
    for (int id = 0; id < size; id++) {
      Integer other = isAbsent(id) ? null : ids.put(text(id), id);
      if (other != null) {
        throw refuse(TOKENS, "has the token " + shown(text(id)) + " twice: " + other + ", " + id);
      }
    }
  }

  void requireSize(String key, int entries) {
    if (entries != size()) {
      throw refuse(key, "has " + entries + " entries for " + size() + " tokens");
    }
  }

  private void checkText(int id) {
    String text = text(id);
    if (text.length() > MAX_TOKEN_LENGTH) {
      throw refuse(
          TOKENS,
          "has a token "
              + id
              + " of "
              + text.length()
              + " characters; at most "
              + MAX_TOKEN_LENGTH);
    }
    if (text.indexOf('\0') >= 0 || !DocumentReader.isWellFormed(text)) {
      throw refuse(TOKENS, "has a token " + id + " with NUL or with what is no UTF-8");
    }
  }

  private GgufTokenType checkedType(int id) {
    int number = vocabulary.tokenTypes()[id];
    GgufTokenType type =
        GgufTokenType.of(number)
            .orElseThrow(
                () -> refuse(TYPES, "says " + number + " of token " + id + "; 1 to 6 are known"));
    if (sentencePiece && type == GgufTokenType.BYTE && !TokenBytes.isByte(text(id))) {
      throw refuse(TYPES, "says that token " + id + ", " + shown(text(id)) + ", is a byte");
    }
    return type;
  }

  /**
   * Some files do not mark the ends of their own texts and turns. Whoever could write one in a
   * message would end the answer, so they are control tokens, if they are written like one: some
   * files also name a comma.
   */
  private void endsAreControlTokens() {
    for (String key :
        List.of(
            GgufVocabulary.BEGIN_ID,
            GgufVocabulary.END_ID,
            GgufVocabulary.TURN_END_ID,
            GgufVocabulary.MESSAGE_END_ID)) {
      id(key)
          .ifPresent(id -> {
            if (types[id] == GgufTokenType.USER_DEFINED
                || types[id] == GgufTokenType.NORMAL && text(id).matches("(?s)<.+>|\\[.+]")) {
              types[id] = GgufTokenType.CONTROL;
            }
          });
    }
  }

  int size() {
    return vocabulary.tokens().size();
  }

  String text(int id) {
    return vocabulary.tokens().get(id);
  }

  GgufTokenType type(int id) {
    return types[id];
  }

  /** The id of a token that is not absent. */
  OptionalInt idOf(String token) {
    Integer id = ids.get(token);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /** The id that the file gives for a key, if it does. */
  OptionalInt id(String key) {
    Long id = vocabulary.tokenIds().get(key);
    if (id == null) {
      return OptionalInt.empty();
    }
    if (id < 0 || id >= size()) {
      throw refuse(key, "is " + id + "; the vocabulary has " + size() + " tokens");
    }
    return OptionalInt.of(id.intValue());
  }

  /**
   * Byte-level vocabularies have unused tokens only as padding; SentencePiece's own ones take part
   * in merges.
   */
  boolean isAbsent(int id) {
    return text(id).isEmpty()
        || types[id] == GgufTokenType.UNUSED
            && (!sentencePiece || text(id).equals("[PAD" + id + "]"));
  }

  boolean isPlain(int id) {
    return !isAbsent(id) && !types[id].isSpecial();
  }

  boolean isAdded(int id) {
    return !isAbsent(id) && (types[id].isSpecial() || types[id] == GgufTokenType.USER_DEFINED);
  }

  ModelException refuse(String key, String what) {
    return new ModelException(source + ": " + key + " " + what);
  }

  /** A text for a message: short, on one line. */
  static String shown(String text) {
    String start = text.length() > SHOWN ? text.substring(0, SHOWN) + "..." : text;
    return "'" + DocumentReader.wellFormed(start).replaceAll("\\p{Cntrl}", "\uFFFD") + "'";
  }
}
