package io.moka.text;

import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A vocabulary as the metadata of a GGUF file has it: raw, from an untrusted file, and checked only
 * by {@link Tokenizer#ofGguf}. Lists and arrays that the file does not have are empty.
 *
 * @param model {@code tokenizer.ggml.model}: {@code gpt2} (byte-level BPE) or {@code llama}
 *     (SentencePiece)
 * @param preTokenizer {@code tokenizer.ggml.pre}: the name of the expression that splits texts
 * @param tokens {@code tokenizer.ggml.tokens}, by id; no text may stand for bytes that are no UTF-8
 * @param tokenTypes {@code tokenizer.ggml.token_type}, 1 to 6, by id; not copied
 * @param scores {@code tokenizer.ggml.scores}, by id; not copied
 * @param merges {@code tokenizer.ggml.merges}, {@code "left right"}, best first
 * @param tokenIds the ids that the file gives for {@link #ID_KEYS}, by key
 * @param addBegin {@code tokenizer.ggml.add_bos_token}
 * @param addEnd {@code tokenizer.ggml.add_eos_token}
 * @param addSpacePrefix {@code tokenizer.ggml.add_space_prefix}
 * @param chatTemplate {@code tokenizer.chat_template} (Jinja)
 * @param toolUseTemplate {@code tokenizer.chat_template.tool_use} (Jinja)
 */
public record GgufVocabulary(
    String model,
    Optional<String> preTokenizer,
    List<String> tokens,
    int[] tokenTypes,
    float[] scores,
    List<String> merges,
    Map<String, Long> tokenIds,
    Optional<Boolean> addBegin,
    Optional<Boolean> addEnd,
    Optional<Boolean> addSpacePrefix,
    Optional<String> chatTemplate,
    Optional<String> toolUseTemplate) {

  static final String BEGIN_ID = "tokenizer.ggml.bos_token_id";
  static final String END_ID = "tokenizer.ggml.eos_token_id";
  static final String TURN_END_ID = "tokenizer.ggml.eot_token_id";
  static final String MESSAGE_END_ID = "tokenizer.ggml.eom_token_id";
  static final String UNKNOWN_ID = "tokenizer.ggml.unknown_token_id";
  static final String PADDING_ID = "tokenizer.ggml.padding_token_id";

  /** The keys whose ids are read, each of one token. */
  public static final List<String> ID_KEYS =
      List.of(BEGIN_ID, END_ID, TURN_END_ID, MESSAGE_END_ID, UNKNOWN_ID, PADDING_ID);

  /** Control tokens that end an answer in whichever vocabulary they are. */
  private static final List<String> ENDS =
      List.of(
          "<|endoftext|>",
          "<|end_of_text|>",
          "<|im_end|>",
          "<|eot_id|>",
          "<|eom_id|>",
          "<end_of_turn>",
          "</s>");

  /**
   * Makes lists and map unchangeable.
   *
   * @param model kind of vocabulary
   * @param preTokenizer name of the expression
   * @param tokens by id
   * @param tokenTypes by id
   * @param scores by id
   * @param merges best first
   * @param tokenIds by key
   * @param addBegin whether texts begin with a token
   * @param addEnd whether texts end with a token
   * @param addSpacePrefix whether a space is set before a text
   * @param chatTemplate the template of a conversation
   * @param toolUseTemplate the template for conversations with tools
   */
  public GgufVocabulary {
    tokens = List.copyOf(tokens);
    merges = List.copyOf(merges);
    tokenIds = Collections.unmodifiableMap(new TreeMap<>(tokenIds));
  }

  /**
   * The tokens that end an answer: those that the file names as the end of a text, a turn or a
   * message, and control tokens known to be one. A file names one end where generation
   * configurations list several, such as {@code <|im_end|>} and {@code <|endoftext|>}.
   *
   * @return ids of the vocabulary, ascending
   */
  public List<Integer> endTokenIds() {
    TreeSet<Integer> ends = new TreeSet<>();
    for (String key : List.of(END_ID, TURN_END_ID, MESSAGE_END_ID)) {
      long id = tokenIds.getOrDefault(key, -1L);
      if (id >= 0 && id < tokens.size()) {
        ends.add((int) id);
      }
    }
    for (int id = 0; id < Math.min(tokens.size(), tokenTypes.length); id++) {
      if (tokenTypes[id] == GgufTokenType.CONTROL.number() && ENDS.contains(tokens.get(id))) {
        ends.add(id);
      }
    }
    return List.copyOf(ends);
  }
}
