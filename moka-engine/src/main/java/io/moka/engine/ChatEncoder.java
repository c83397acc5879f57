package io.moka.engine;

import io.moka.RequestException;
import io.moka.text.Tokenizer;
import io.moka.text.template.ChatTemplate;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.IntStream;

/**
 * Renders a conversation by the model's template and turns it into ids, in such a way that special
 * tokens come from the template alone: what a message says stays text, whatever it says.
 *
 * <p>A template yields one text, from which nobody can tell what a message brought into it. So each
 * special token written in a message is replaced, before rendering, by one private-use character
 * that stands for it; so is the beginning of one at a message's end, which the template's own text
 * could complete. Afterwards the stretch between the special tokens around it is put back to what
 * the message said and encoded as plain text. Messages without special tokens are rendered and
 * encoded just as they are.
 */
public final class ChatEncoder {
  /** Templates put a role between the marks of a special token, so not any text can be one. */
  private static final Set<String> ROLES =
      Set.of("system", "developer", "user", "assistant", "tool", "function", "ipython", "model");

  private static final int MAX_DEPTH = 100;

  private final Tokenizer tokenizer;
  private final String source;
  private final ChatTemplate template;
  private final SpecialTokens special;

  /**
   * Reads a template.
   *
   * @param tokenizer the vocabulary; owned by the caller
   * @param source the template's text
   * @throws io.moka.ModelException when it is damaged or not supported
   */
  public ChatEncoder(Tokenizer tokenizer, String source) {
    this.tokenizer = tokenizer;
    this.source = source;
    this.template = ChatTemplate.parse(source);
    this.special = new SpecialTokens(tokenizer);
  }

  /**
   * Encodes a conversation, up to where the answer begins.
   *
   * @param messages each with {@code role}, {@code content} and what else the template reads
   * @param variables what else the template reads, such as {@code tools} or {@code enable_thinking}
   * @return ids
   * @throws RequestException when a role is unknown or the template refuses the messages
   */
  public int[] encode(List<? extends Map<String, ?>> messages, Map<String, ?> variables) {
    Placeholders placeholders = new Placeholders();
    placeholders.reserve(source);
    messages.forEach(message -> reserve(message, placeholders, 0));
    reserve(variables, placeholders, 0);
    List<Object> hidden = new ArrayList<>();
    for (Map<String, ?> message : messages) {
      hidden.add(hideMessage(message, placeholders));
    }
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("tools", ChatTemplate.NONE);
    all.put("documents", ChatTemplate.NONE);
    all.put("add_generation_prompt", true);
    variables.forEach((name, value) -> all.put(name, hide(value, placeholders)));
    all.putAll(tokenizer.specialTokens());
    all.put("messages", hidden);
    return encode(template.render(all), placeholders);
  }

  private Map<Object, Object> hideMessage(Map<String, ?> message, Placeholders placeholders) {
    if (!(message.get("role") instanceof String role) || !ROLES.contains(role)) {
      throw new RequestException(
          "A message's role must be one of "
              + ROLES.stream().sorted().toList()
              + ", not "
              + message.get("role"));
    }
    Map<Object, Object> hidden = hideMap(message, placeholders);
    hidden.put("role", role);
    return hidden;
  }

  private static void reserve(Object value, Placeholders placeholders, int depth) {
    if (depth > MAX_DEPTH) {
      throw new RequestException(
          "The messages have values within each other more than " + MAX_DEPTH + " deep");
    }
    switch (value) {
      case String text -> placeholders.reserve(text);
      case List<?> list -> list.forEach(item -> reserve(item, placeholders, depth + 1));
      case Map<?, ?> map ->
          map.forEach((key, item) -> {
            reserve(key, placeholders, depth + 1);
            reserve(item, placeholders, depth + 1);
          });
      case Optional<?> optional -> optional.ifPresent(v -> reserve(v, placeholders, depth + 1));
      case null, default -> {}
    }
  }

  private Object hide(Object value, Placeholders placeholders) {
    return switch (value) {
      case String text -> hideText(text, placeholders);
      case List<?> list -> hideList(list, placeholders);
      case Map<?, ?> map -> hideMap(map, placeholders);
      case Optional<?> optional -> optional.map(inner -> hide(inner, placeholders));
      case null, default -> value;
    };
  }

  private List<Object> hideList(List<?> list, Placeholders placeholders) {
    List<Object> hidden = new ArrayList<>();
    list.forEach(item -> hidden.add(hide(item, placeholders)));
    return hidden;
  }

  private Map<Object, Object> hideMap(Map<?, ?> map, Placeholders placeholders) {
    Map<Object, Object> hidden = new LinkedHashMap<>();
    map.forEach((key, item) -> hidden.put(hide(key, placeholders), hide(item, placeholders)));
    return hidden;
  }

  private String hideText(String text, Placeholders placeholders) {
    StringBuilder hidden = new StringBuilder(text.length());
    int end = text.stripTrailing().length(); // templates trim, which could bring pieces together
    for (int i = 0; i < text.length(); ) {
      int length = special.lengthAt(text, i);
      if (length == 0 && special.beginsAt(text, i, end)) {
        length = Character.charCount(text.codePointAt(i));
      }
      hidden.append(
          length > 0 ? placeholders.of(text.substring(i, i + length)) : text.substring(i, i + 1));
      i += Math.max(length, 1);
    }
    return hidden.toString();
  }

  private int[] encode(String rendered, Placeholders placeholders) {
    if (placeholders.isEmpty()) {
      return tokenizer.encode(rendered, false, true);
    }
    IntStream.Builder ids = IntStream.builder();
    int from = 0; // where what is not yet encoded begins
    int stretch = 0; // where the stretch without special tokens begins
    boolean hiding = false; // whether a placeholder stands in it
    int at = 0;
    while (at < rendered.length()) {
      int length = special.lengthAt(rendered, at);
      if (length > 0) {
        if (hiding) {
          encode(rendered.substring(from, stretch), true, ids);
          encode(placeholders.restore(rendered.substring(stretch, at)), false, ids);
          from = at;
          hiding = false;
        }
        at += length;
        stretch = at;
      } else {
        hiding |= placeholders.isAt(rendered, at);
        at += Character.charCount(rendered.codePointAt(at));
      }
    }
    int parsed = hiding ? stretch : rendered.length();
    encode(rendered.substring(from, parsed), true, ids);
    encode(placeholders.restore(rendered.substring(parsed)), false, ids);
    return ids.build().toArray();
  }

  private void encode(String text, boolean parseSpecial, IntStream.Builder ids) {
    if (!text.isEmpty()) {
      for (int id : tokenizer.encode(text, false, parseSpecial)) {
        ids.add(id);
      }
    }
  }
}
