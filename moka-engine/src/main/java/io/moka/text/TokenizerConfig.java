package io.moka.text;

import io.moka.ModelException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * What stands beside a vocabulary: the names of special tokens, and chat templates.
 *
 * @param specialTokens the text of special tokens by name, such as {@code bos_token} or {@code
 *     eos_token}: variables of chat templates
 * @param addBeginToken whether {@code bos_token} is set before a text; empty: the vocabulary
 *     decides
 * @param chatTemplate the template of a conversation (Jinja)
 * @param toolUseTemplate the template that the model has apart for conversations with tools
 */
public record TokenizerConfig(
    Map<String, String> specialTokens,
    Optional<Boolean> addBeginToken,
    Optional<String> chatTemplate,
    Optional<String> toolUseTemplate) {

  /** Nothing is known beside the vocabulary. */
  public static final TokenizerConfig NONE =
      new TokenizerConfig(Map.of(), Optional.empty(), Optional.empty(), Optional.empty());

  private static final String CONFIG = "tokenizer_config.json";
  private static final String TEMPLATE = "chat_template.jinja";
  private static final int MAX_CONFIG_BYTES = 16 << 20;
  private static final int MAX_TEMPLATE_BYTES = 1 << 20;

  /**
   * Makes the map unchangeable.
   *
   * @param specialTokens the text of special tokens by name
   * @param addBeginToken whether {@code bos_token} is set before a text
   * @param chatTemplate the template of a conversation
   * @param toolUseTemplate the template for conversations with tools
   */
  public TokenizerConfig {
    specialTokens = Collections.unmodifiableMap(new TreeMap<>(specialTokens));
  }

  /**
   * Reads {@code tokenizer_config.json} and {@code chat_template.jinja}; both may be missing. The
   * template in a file of its own wins.
   *
   * @param folder a model in the form of Hugging Face
   * @return what was found
   * @throws ModelException where a file is damaged or too large
   */
  public static TokenizerConfig read(Path folder) {
    return of(
        folder.toString(),
        bytes(folder.resolve(CONFIG), MAX_CONFIG_BYTES),
        bytes(folder.resolve(TEMPLATE), MAX_TEMPLATE_BYTES));
  }

  /**
   * Reads the same from memory.
   *
   * @param source what to call the model in messages
   * @param config {@code tokenizer_config.json}
   * @param template {@code chat_template.jinja}, which wins
   * @return what was found
   * @throws ModelException where one is damaged or too large
   */
  public static TokenizerConfig of(
      String source, Optional<byte[]> config, Optional<byte[]> template) {
    TokenizerConfig read =
        config
            .map(json ->
                parse(source + "/" + CONFIG, limited(source, CONFIG, json, MAX_CONFIG_BYTES)))
            .orElse(NONE);
    return template
        .map(text -> limited(source, TEMPLATE, text, MAX_TEMPLATE_BYTES))
        .map(text ->
            new TokenizerConfig(
                read.specialTokens,
                read.addBeginToken,
                Optional.of(utf8(source + "/" + TEMPLATE, text)),
                read.toolUseTemplate))
        .orElse(read);
  }

  private static Optional<byte[]> bytes(Path file, int maxBytes) {
    return Files.exists(file)
        ? Optional.of(DocumentReader.bytes(file, maxBytes))
        : Optional.empty();
  }

  private static byte[] limited(String source, String name, byte[] bytes, int maxBytes) {
    if (bytes.length > maxBytes) {
      throw new ModelException(
          "%s/%s has %d bytes; at most %d".formatted(source, name, bytes.length, maxBytes));
    }
    return bytes;
  }

  private static String utf8(String file, byte[] bytes) {
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new ModelException(file + " is not UTF-8", e);
    }
  }

  private static TokenizerConfig parse(String file, byte[] json) {
    try {
      JsonNode root = DocumentReader.MAPPER.readTree(json);
      if (!root.isObject()) {
        throw new ModelException(file + " is not a JSON object");
      }
      JsonNode begin = root.path("add_bos_token");
      return new TokenizerConfig(
          specialTokens(root),
          begin.isBoolean() ? Optional.of(begin.booleanValue()) : Optional.empty(),
          template(file, root.path("chat_template"), "default"),
          template(file, root.path("chat_template"), "tool_use"));
    } catch (JacksonException e) {
      throw new ModelException(file + " is not JSON: " + DocumentReader.reason(e), e);
    }
  }

  /** Fields such as {@code "eos_token": "</s>"} or {@code "eos_token": {"content": "</s>"}}. */
  private static Map<String, String> specialTokens(JsonNode root) {
    Map<String, String> tokens = new TreeMap<>();
    for (Map.Entry<String, JsonNode> field : root.properties()) {
      if (field.getKey().endsWith("_token")) {
        JsonNode value =
            field.getValue().isObject() ? field.getValue().path("content") : field.getValue();
        if (value.isString()) {
          tokens.put(field.getKey(), value.stringValue());
        }
      }
    }
    return tokens;
  }

  /** The field is one template, or a list of {@code {"name": ..., "template": ...}}. */
  private static Optional<String> template(String file, JsonNode field, String name) {
    if (field.isMissingNode() || field.isNull()) {
      return Optional.empty();
    }
    if (field.isString()) {
      return name.equals("default") ? Optional.of(field.stringValue()) : Optional.empty();
    }
    if (!field.isArray()) {
      throw new ModelException(file + ": chat_template is neither a text nor a list of templates");
    }
    for (JsonNode entry : field) {
      JsonNode template = entry.path("template");
      if (entry.path("name").asString("").equals(name) && template.isString()) {
        return Optional.of(template.stringValue());
      }
    }
    return Optional.empty();
  }
}
