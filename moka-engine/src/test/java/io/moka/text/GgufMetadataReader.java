package io.moka.text;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Reads the metadata of sound GGUF files of version 3, for tests of the tokenizer alone. */
final class GgufMetadataReader {
  private final ByteBuffer in;

  private GgufMetadataReader(byte[] file) {
    this.in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
  }

  static GgufVocabulary vocabulary(byte[] file) {
    Map<String, Object> metadata = new GgufMetadataReader(file).metadata();
    Map<String, Long> ids = new HashMap<>();
    GgufVocabulary.ID_KEYS.stream()
        .filter(metadata::containsKey)
        .forEach(key -> ids.put(key, (Long) metadata.get(key)));
    List<String> tokens = list(metadata, "tokens", String.class);
    List<Long> types = list(metadata, "token_type", Long.class);
    List<Float> scores = list(metadata, "scores", Float.class);
    float[] scoreArray = new float[scores.size()];
    for (int i = 0; i < scoreArray.length; i++) {
      scoreArray[i] = scores.get(i);
    }
    return new GgufVocabulary(
        (String) metadata.get("tokenizer.ggml.model"),
        value(metadata, "tokenizer.ggml.pre", String.class),
        tokens,
        types.stream().mapToInt(Long::intValue).toArray(),
        scoreArray,
        list(metadata, "merges", String.class),
        ids,
        value(metadata, "tokenizer.ggml.add_bos_token", Boolean.class),
        value(metadata, "tokenizer.ggml.add_eos_token", Boolean.class),
        value(metadata, "tokenizer.ggml.add_space_prefix", Boolean.class),
        value(metadata, "tokenizer.chat_template", String.class),
        Optional.empty());
  }

  private static <T> Optional<T> value(Map<String, Object> metadata, String key, Class<T> type) {
    return Optional.ofNullable(type.cast(metadata.get(key)));
  }

  private static <T> List<T> list(Map<String, Object> metadata, String name, Class<T> type) {
    List<?> values = (List<?>) metadata.getOrDefault("tokenizer.ggml." + name, List.of());
    return values.stream().map(type::cast).toList();
  }

  private Map<String, Object> metadata() {
    if (in.getInt() != 0x46554747 || in.getInt() != 3) {
      throw new IllegalArgumentException("no GGUF file of version 3");
    }
    in.getLong(); // tensors
    Map<String, Object> metadata = new HashMap<>();
    for (long left = in.getLong(); left > 0; left--) {
      String key = string();
      metadata.put(key, value(in.getInt()));
    }
    return metadata;
  }

  private Object value(int type) {
    return switch (type) {
      case 0, 1 -> (long) in.get();
      case 2, 3 -> (long) in.getShort();
      case 4, 5 -> (long) in.getInt();
      case 6 -> in.getFloat();
      case 7 -> in.get() != 0;
      case 8 -> string();
      case 9 -> array();
      case 10, 11 -> in.getLong();
      case 12 -> in.getDouble();
      default -> throw new IllegalArgumentException("type " + type);
    };
  }

  private List<Object> array() {
    int type = in.getInt();
    int length = Math.toIntExact(in.getLong());
    List<Object> values = new ArrayList<>(length);
    for (int i = 0; i < length; i++) {
      values.add(value(type));
    }
    return values;
  }

  private String string() {
    byte[] utf8 = new byte[Math.toIntExact(in.getLong())];
    in.get(utf8);
    return new String(utf8, StandardCharsets.UTF_8);
  }
}
