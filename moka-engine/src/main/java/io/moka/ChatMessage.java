package io.moka;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One message of a conversation.
 *
 * @param role who speaks: {@code system}, {@code user}, {@code assistant} or {@code tool}
 * @param content what is said; always plain text, also where it looks like a special token
 * @param extra what else the model's template reads, such as {@code tool_calls} or {@code
 *     reasoning_content}: strings, numbers, booleans, lists and maps
 */
public record ChatMessage(String role, String content, Map<String, Object> extra) {
  /**
   * Copies the map.
   *
   * @throws RequestException when the extra map names role or content
   */
  public ChatMessage {
    if (extra.containsKey("role") || extra.containsKey("content")) {
      throw new RequestException("A message's extra fields must not be role or content");
    }
    extra = Collections.unmodifiableMap(new LinkedHashMap<>(extra));
  }

  /**
   * A message without anything else.
   *
   * @param role who speaks
   * @param content what is said
   */
  public ChatMessage(String role, String content) {
    this(role, content, Map.of());
  }

  /**
   * What the model is told to be.
   *
   * @param content the text
   * @return a message
   */
  public static ChatMessage system(String content) {
    return new ChatMessage("system", content);
  }

  /**
   * What the user says.
   *
   * @param content the text
   * @return a message
   */
  public static ChatMessage user(String content) {
    return new ChatMessage("user", content);
  }

  /**
   * What the model said.
   *
   * @param content the text
   * @return a message
   */
  public static ChatMessage assistant(String content) {
    return new ChatMessage("assistant", content);
  }

  /** The fields as a template sees them. */
  Map<String, Object> fields() {
    Map<String, Object> fields = new LinkedHashMap<>();
    fields.put("role", role);
    fields.put("content", content);
    fields.putAll(extra);
    return fields;
  }
}
