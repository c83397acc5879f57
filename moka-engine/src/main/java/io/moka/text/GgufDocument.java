package io.moka.text;

import io.moka.ModelException;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.TreeMap;
import tools.jackson.core.JsonGenerator;
import tools.jackson.databind.JsonNode;

/**
 * Writes the tokenizer.json that says the same as a GGUF file's metadata, so that one library
 * encodes both. What a GGUF file does not keep is lost: spaces that a token takes in beside it, for
 * example, and the normalizer, which follows from the name of the pre-tokenizer.
 */
final class GgufDocument {
  private static final String MODEL = "tokenizer.ggml.model";
  private static final String PRE = "tokenizer.ggml.pre";
  private static final String TEMPLATE = "tokenizer.chat_template";
  private static final int MAX_BYTES = 32 << 20;
  private static final int MAX_TEMPLATE_LENGTH = 1 << 20;

  private final String source;
  private final GgufVocabulary vocabulary;
  private final GgufTokens tokens;
  private final GgufMerges merges;
  private final Optional<GgufPreTokenizer> preTokenizer; // of byte-level vocabularies

  /**
   * Checks the tokens.
   *
   * @throws ModelException naming the key that is wrong
   */
  GgufDocument(String source, GgufVocabulary vocabulary) {
    this.source = source;
    this.vocabulary = vocabulary;
    this.preTokenizer =
        switch (vocabulary.model()) {
          case "gpt2" -> Optional.of(preTokenizer());
          case "llama" -> Optional.empty();
          default ->
              throw refuse(
                  MODEL,
                  "is " + GgufTokens.shown(vocabulary.model()) + "; supported are gpt2 and llama");
        };
    this.tokens = new GgufTokens(source, vocabulary);
    this.merges =
        preTokenizer.isPresent()
            ? new ListedMerges(tokens, vocabulary.merges())
            : new ScoredMerges(tokens, vocabulary.scores());
  }

  private GgufPreTokenizer preTokenizer() {
    String name =
        vocabulary
            .preTokenizer()
            .orElseThrow(() ->
                refuse(
                    PRE,
                    "is missing, so how texts are split is not known; convert the model anew"));
    return GgufPreTokenizer.named(name)
        .orElseThrow(
            () -> refuse(PRE, "is " + GgufTokens.shown(name) + ", which is not supported"));
  }

  /** What stands beside the vocabulary. */
  TokenizerConfig config() {
    Map<String, String> special = new TreeMap<>();
    Map.of(
            "bos_token", begin(),
            "eos_token", end(),
            "unk_token", tokens.id(GgufVocabulary.UNKNOWN_ID),
            "pad_token", tokens.id(GgufVocabulary.PADDING_ID))
        .forEach((name, id) ->
            id.stream()
                .filter(token -> !tokens.isAbsent(token))
                .forEach(token -> special.put(name, tokens.text(token))));
    vocabulary.chatTemplate().ifPresent(template -> checkTemplate(TEMPLATE, template));
    vocabulary
        .toolUseTemplate()
        .ifPresent(template -> checkTemplate(TEMPLATE + ".tool_use", template));
    return new TokenizerConfig(
        special, Optional.empty(), vocabulary.chatTemplate(), vocabulary.toolUseTemplate());
  }

  private void checkTemplate(String key, String template) {
    if (template.length() > MAX_TEMPLATE_LENGTH || !DocumentReader.isWellFormed(template)) {
      throw refuse(
          key, "has more than " + MAX_TEMPLATE_LENGTH + " characters, or what is no UTF-8");
    }
  }

  /** SentencePiece's usual ids count where the file names none, as for llama.cpp. */
  private OptionalInt begin() {
    return namedOr(GgufVocabulary.BEGIN_ID, 1);
  }

  private OptionalInt end() {
    return namedOr(GgufVocabulary.END_ID, 2);
  }

  private OptionalInt namedOr(String key, int usual) {
    OptionalInt id = tokens.id(key);
    boolean fits =
        preTokenizer.isEmpty()
            && usual < tokens.size()
            && tokens.type(usual) == GgufTokenType.CONTROL;
    return id.isEmpty() && fits ? OptionalInt.of(usual) : id;
  }

  /**
   * The token for characters that have neither token nor bytes; byte-level vocabularies need none.
   */
  private OptionalInt unknown() {
    if (preTokenizer.isPresent()) {
      return OptionalInt.empty();
    }
    OptionalInt id = tokens.id(GgufVocabulary.UNKNOWN_ID);
    for (int i = 0; id.isEmpty() && i < tokens.size(); i++) {
      id = tokens.type(i) == GgufTokenType.UNKNOWN ? OptionalInt.of(i) : id;
    }
    return id.isPresent() && tokens.isAbsent(id.getAsInt()) ? OptionalInt.empty() : id;
  }

  /**
   * The document, UTF-8.
   *
   * @throws ModelException naming the key that is wrong
   */
  byte[] json() {
    ByteArrayOutputStream out = new Bounded();
    try (JsonGenerator json = DocumentReader.MAPPER.createGenerator(out)) {
      json.writeStartObject();
      writeAdded(json);
      json.flush();
      if (out.size() > DocumentReader.MAX_TREE_BYTES) {
        throw tooManyAdded();
      }
      GgufSteps steps =
          preTokenizer
              .map(GgufSteps::byteLevel)
              .orElseGet(() -> GgufSteps.sentencePiece(vocabulary.addSpacePrefix().orElse(true)));
      write(json, "normalizer", steps.normalizer());
      write(json, "pre_tokenizer", steps.preTokenizer());
      write(json, "decoder", steps.decoder());
      write(json, "post_processor", around());
      json.writeObjectPropertyStart("model");
      writeModel(json);
      json.writeEndObject();
      json.writeEndObject();
    }
    return out.toByteArray();
  }

  private void writeAdded(JsonGenerator json) {
    int added = 0;
    json.writeArrayPropertyStart("added_tokens");
    for (int id = 0; id < tokens.size(); id++) {
      if (!tokens.isAdded(id)) {
        continue;
      }
      if (++added > TokenizerDocument.MAX_ADDED) {
        throw tooManyAdded();
      }
      json.writeStartObject();
      json.writeNumberProperty("id", id);
      json.writeStringProperty("content", tokens.text(id));
      json.writeBooleanProperty("normalized", false);
      json.writeBooleanProperty("special", tokens.type(id).isSpecial());
      json.writeEndObject();
    }
    json.writeEndArray();
  }

  private ModelException tooManyAdded() {
    return refuse(GgufTokens.TYPES, "marks too many control and user-defined tokens");
  }

  private static void write(JsonGenerator json, String field, JsonNode value) {
    json.writeName(field);
    DocumentReader.MAPPER.writeTree(json, value);
  }

  /** The tokens that are set around a text. */
  private JsonNode around() {
    boolean usual = preTokenizer.map(GgufPreTokenizer::addsBegin).orElse(true);
    OptionalInt begin = around("bos", vocabulary.addBegin(), usual, begin());
    return GgufSteps.around(begin, around("eos", vocabulary.addEnd(), false, end()));
  }

  private OptionalInt around(String name, Optional<Boolean> add, boolean usual, OptionalInt id) {
    if (!add.orElse(usual)) {
      return OptionalInt.empty();
    }
    if (add.isPresent() && id.isEmpty() || id.isPresent() && tokens.isAbsent(id.getAsInt())) {
      throw refuse(
          "tokenizer.ggml.add_" + name + "_token",
          "is true, but tokenizer.ggml." + name + "_token_id names no token");
    }
    return id;
  }

  private void writeModel(JsonGenerator json) {
    OptionalInt unknown = unknown();
    json.writeStringProperty("type", "BPE");
    if (unknown.isPresent()) {
      json.writeStringProperty("unk_token", tokens.text(unknown.getAsInt()));
    }
    json.writeBooleanProperty("fuse_unk", preTokenizer.isEmpty());
    json.writeBooleanProperty("byte_fallback", preTokenizer.isEmpty());
    json.writeBooleanProperty(
        "ignore_merges", preTokenizer.map(GgufPreTokenizer::ignoresMerges).orElse(false));
    boolean any = false;
    json.writeObjectPropertyStart("vocab");
    for (int id = 0; id < tokens.size(); id++) {
      if (tokens.isPlain(id) || unknown.isPresent() && unknown.getAsInt() == id) {
        json.writeNumberProperty(tokens.text(id), id);
        any |= tokens.isPlain(id);
      }
    }
    for (int i = 0; i < merges.loose().size(); i++) {
      json.writeNumberProperty(merges.loose().get(i), tokens.size() + i);
    }
    json.writeEndObject();
    if (!any) {
      throw refuse(GgufTokens.TYPES, "leaves no token for plain text");
    }
    json.writeArrayPropertyStart("merges");
    merges.forEach((left, right) -> {
      json.writeStartArray();
      json.writeString(left);
      json.writeString(right);
      json.writeEndArray();
    });
    json.writeEndArray();
  }

  /** The characters that the document adds to the vocabulary. */
  LooseCharacters loose() {
    OptionalInt unknown = unknown();
    return new LooseCharacters(
        tokens.size(),
        merges.loose().stream().map(character -> alone(character, unknown)).toList());
  }

  /** What a character without token is: its bytes, else the unknown token, if there is one. */
  private int[] alone(String character, OptionalInt unknown) {
    byte[] utf8 = character.getBytes(StandardCharsets.UTF_8);
    int[] ids = new int[utf8.length];
    for (int i = 0; i < ids.length; i++) {
      OptionalInt id = tokens.idOf(String.format(Locale.ROOT, "<0x%02X>", utf8[i]));
      if (id.isEmpty() || !tokens.isPlain(id.getAsInt())) {
        return unknown.stream().toArray();
      }
      ids[i] = id.getAsInt();
    }
    return ids;
  }

  private ModelException refuse(String key, String what) {
    return new ModelException(source + ": " + key + " " + what);
  }

  /** Long tokens that are put together from long ones could fill the memory. */
  private final class Bounded extends ByteArrayOutputStream {
    Bounded() {
      super(1 << 20);
    }

    @Override
    public void write(byte[] bytes, int from, int length) {
      if (size() + length > MAX_BYTES) {
        throw refuse(GgufTokens.TOKENS, "and merges have more than " + MAX_BYTES + " bytes");
      }
      super.write(bytes, from, length);
    }
  }
}
