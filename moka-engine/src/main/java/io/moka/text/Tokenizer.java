package io.moka.text;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.RequestException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * A model's vocabulary: text to ids, and ids to text.
 *
 * <p>Reads byte-level and SentencePiece BPE vocabularies, from {@code tokenizer.json} or from the
 * metadata of a GGUF file, and encodes with Hugging Face's tokenizers library; ids are turned back
 * in Java. Any number of threads may use one tokenizer. Nothing is truncated or padded, and nothing
 * is ever fetched from a network. After {@link #close} only encoding fails.
 */
public final class Tokenizer implements AutoCloseable {
  /** The longest text that is encoded; the native library takes about 150 times as much memory. */
  private static final int MAX_TEXT_BYTES = 16 << 20;

  /** The same where added tokens make the library search back from each match. */
  private static final int MAX_TEXT_BYTES_LOOKING_BACK = 100_000;

  private final String source;
  private final TokenizerConfig config;
  private final LooseCharacters loose;
  private final Map<String, Integer> ids;
  private final byte[][] bytes; // by id
  private final BitSet special = new BitSet();
  private final boolean stripsLeadingSpace;
  private final int[] begin;
  private final int[] end;
  private final List<SplitExpression> expressions;
  private final int maxTextBytes;
  private final NativeTokenizer parsing;

  /** Does not know special tokens; made when first needed. */
  private Optional<NativeTokenizer> plain = Optional.empty();

  private byte[] plainJson;
  private boolean closed;

  private Tokenizer(
      TokenizerDocument document, String source, TokenizerConfig config, LooseCharacters loose) {
    this.source = source;
    this.config = config;
    this.loose = loose;
    this.ids = document.ids();
    TokenBytes notation = document.tokenBytes();
    this.bytes = bytes(document, notation, loose.firstId());
    this.stripsLeadingSpace = notation.stripsLeadingSpace();
    document.added().stream().filter(AddedToken::special).forEach(t -> special.set(t.id()));
    BeginEnd ends = document.beginEnd();
    this.begin = begin(ends);
    this.end = ends.end().stream().mapToInt(id -> id).toArray();
    this.expressions = document.expressions();
    this.maxTextBytes =
        document.added().stream().anyMatch(AddedToken::looksBack)
            ? MAX_TEXT_BYTES_LOOKING_BACK
            : MAX_TEXT_BYTES;
    this.plainJson = document.nativeJson(false);
    this.parsing =
        new NativeTokenizer(source, new String(document.nativeJson(true), StandardCharsets.UTF_8));
  }

  /**
   * Opens the tokenizer of a model.
   *
   * @param folder with {@code tokenizer.json} and, where the model has them, {@code
   *     tokenizer_config.json} and {@code chat_template.jinja}
   * @return the tokenizer; the caller closes it
   * @throws ModelNotFoundException where there is no {@code tokenizer.json}
   * @throws ModelException where a file is damaged, too large or of a kind that is not supported
   */
  public static Tokenizer open(Path folder) {
    Path file = folder.resolve("tokenizer.json");
    byte[] json = DocumentReader.bytes(file, TokenizerDocument.MAX_BYTES);
    return ofJson(file.toString(), json, TokenizerConfig.read(folder));
  }

  /**
   * Makes a tokenizer from a document in memory.
   *
   * @param source what to call the document in messages, usually the file it was made from
   * @param json a {@code tokenizer.json}, UTF-8
   * @param config what stands beside the vocabulary
   * @return the tokenizer; the caller closes it
   * @throws ModelException where the document is damaged, too large or not supported
   */
  public static Tokenizer ofJson(String source, byte[] json, TokenizerConfig config) {
    return new Tokenizer(
        TokenizerDocument.read(source, json), source, config, LooseCharacters.NONE);
  }

  /**
   * Makes a tokenizer from the metadata of a GGUF file.
   *
   * @param source what to call the file in messages
   * @param vocabulary as the file has it
   * @return the tokenizer, with the file's chat template; the caller closes it
   * @throws ModelException where the vocabulary is damaged, too large or not supported; it names
   *     the key
   */
  public static Tokenizer ofGguf(String source, GgufVocabulary vocabulary) {
    GgufDocument document = new GgufDocument(source, vocabulary);
    return new Tokenizer(
        TokenizerDocument.read(source, document.json()),
        source,
        document.config(),
        document.loose());
  }

  private static byte[][] bytes(TokenizerDocument document, TokenBytes notation, int maxSize) {
    String[] tokens = document.tokens();
    BitSet added = new BitSet();
    document.added().forEach(token -> added.set(token.id()));
    byte[][] bytes = new byte[Math.min(tokens.length, maxSize)][];
    for (int id = 0; id < bytes.length; id++) {
      bytes[id] =
          tokens[id] == null ? TokenBytes.nothing() : notation.of(tokens[id], added.get(id));
    }
    return bytes;
  }

  /** The configuration's word about the beginning token goes before the vocabulary's. */
  private int[] begin(BeginEnd ends) {
    int[] own = ends.begin().stream().mapToInt(id -> id).toArray();
    if (config.addBeginToken().isEmpty()) {
      return own;
    }
    if (!config.addBeginToken().get()) {
      return new int[0];
    }
    OptionalInt named = namedBeginToken();
    return own.length > 0 || named.isEmpty() ? own : new int[] {named.getAsInt()};
  }

  private OptionalInt namedBeginToken() {
    return idOf(config.specialTokens().getOrDefault("bos_token", ""));
  }

  /**
   * Turns text into ids.
   *
   * @param text any text; an unpaired surrogate counts as U+FFFD
   * @param addSpecial whether the tokens are added that the vocabulary wants around a text, as a
   *     rule the beginning token
   * @param parseSpecial whether special tokens written in the text become their ids; false for text
   *     from users, in which they stay plain text
   * @return the ids
   * @throws RequestException where the text has more than 16 MiB of UTF-8, or more than 200,000
   *     characters of one kind (letters, spaces) in a row
   * @throws ModelException where the tokenizer is closed
   */
  public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
    String wellFormed = DocumentReader.wellFormed(text);
    check(wellFormed);
    int[] inner = loose.replace((parseSpecial ? parsing : plain()).encode(wellFormed));
    if (!addSpecial || begin.length + end.length == 0) {
      return inner;
    }
    int[] all = new int[begin.length + inner.length + end.length];
    System.arraycopy(begin, 0, all, 0, begin.length);
    System.arraycopy(inner, 0, all, begin.length, inner.length);
    System.arraycopy(end, 0, all, begin.length + inner.length, end.length);
    return all;
  }

  private void check(String text) {
    long size = text.length();
    if (size > maxTextBytes / 3) { // a char takes at most 3 bytes
      size = text.codePoints().mapToLong(Tokenizer::utf8Bytes).sum();
    }
    if (size > maxTextBytes) {
      throw new RequestException(
          "The text has " + size + " bytes; at most " + maxTextBytes + " can be encoded at once");
    }
    if (text.length() <= SplitExpression.MAX_RUN) {
      return;
    }
    for (SplitExpression expression : expressions) {
      int run = expression.longestRun(text);
      if (run > SplitExpression.MAX_RUN) {
        throw new RequestException(
            "The text has "
                + run
                + " characters of one kind in a row without a break; at most "
                + SplitExpression.MAX_RUN
                + " can be encoded");
      }
    }
  }

  private static int utf8Bytes(int codePoint) {
    return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
  }

  private synchronized NativeTokenizer plain() {
    if (plain.isEmpty()) {
      if (closed) {
        throw new ModelException("The tokenizer of " + source + " is closed; open it anew");
      }
      String json = new String(plainJson, StandardCharsets.UTF_8);
      plain = Optional.of(new NativeTokenizer(source, json));
      plainJson = TokenBytes.nothing();
    }
    return plain.get();
  }

  /**
   * Counts the ids of plain text.
   *
   * @param text any text; special tokens written in it are plain text
   * @return the length of {@link #encode} without special tokens
   * @throws RequestException where the text is too long
   */
  public int countTokens(String text) {
    return encode(text, false, false).length;
  }

  /**
   * Turns ids into text.
   *
   * @param tokens ids; those that the vocabulary does not have contribute nothing
   * @param skipSpecial whether special tokens contribute nothing
   * @return the text, with U+FFFD where bytes are no UTF-8
   */
  public String decode(int[] tokens, boolean skipSpecial) {
    StreamDecoder decoder = new StreamDecoder(this, skipSpecial, stripsLeadingSpace);
    StringBuilder text = new StringBuilder();
    for (int token : tokens) {
      decoder.push(token, text);
    }
    return text.append(decoder.flush()).toString();
  }

  /**
   * The bytes that a token stands for, often not whole characters.
   *
   * @param id a token
   * @return a copy; empty for an id that the vocabulary does not have
   */
  public byte[] tokenBytes(int id) {
    return bytes(id).clone();
  }

  /** The same without a copy. */
  byte[] bytes(int id) {
    return id >= 0 && id < bytes.length ? bytes[id] : TokenBytes.nothing();
  }

  /**
   * Whether decoding drops one space at the beginning of a text, which the notation of the
   * vocabulary put there (SentencePiece).
   *
   * @return whether it does
   */
  public boolean stripsLeadingSpace() {
    return stripsLeadingSpace;
  }

  /**
   * The size of the vocabulary, which can be smaller than the model's, padded, one.
   *
   * @return one more than the greatest id
   */
  public int vocabularySize() {
    return bytes.length;
  }

  /**
   * Finds a token.
   *
   * @param token as the vocabulary writes it, such as {@code <|im_end|>}
   * @return its id, if there is one
   */
  public OptionalInt idOf(String token) {
    Integer id = ids.get(token);
    return id == null || id >= bytes.length ? OptionalInt.empty() : OptionalInt.of(id);
  }

  /**
   * Whether a token is special: a mark such as the end of a turn, not text.
   *
   * @param id a token
   * @return whether it is; false for an id that the vocabulary does not have
   */
  public boolean isSpecial(int id) {
    return id >= 0 && special.get(id);
  }

  /**
   * The token that begins a text: the first that encoding adds, else the one that the configuration
   * names.
   *
   * @return its id, if there is one
   */
  public OptionalInt beginToken() {
    return begin.length > 0 ? OptionalInt.of(begin[0]) : namedBeginToken();
  }

  /**
   * The text of special tokens by name, such as {@code eos_token}: variables of chat templates.
   *
   * @return unchangeable; without those that the model does not name
   */
  public Map<String, String> specialTokens() {
    return config.specialTokens();
  }

  /**
   * The template of a conversation.
   *
   * @return Jinja, if the model has one
   */
  public Optional<String> chatTemplate() {
    return config.chatTemplate();
  }

  /**
   * The template that the model has apart for conversations with tools.
   *
   * @return Jinja, if the model has one
   */
  public Optional<String> toolUseTemplate() {
    return config.toolUseTemplate();
  }

  /** Frees the native memory; waits for texts that are being encoded. */
  @Override
  public synchronized void close() {
    closed = true;
    parsing.close();
    plain.ifPresent(NativeTokenizer::close);
  }
}
