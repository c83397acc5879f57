package io.moka.checkpoint;

import io.moka.ModelException;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The texts that a packed file carries, so that it stands alone. */
final class PackedDocuments {
  /** Those of a Hugging Face folder that are carried as they are. */
  static final List<String> TOKENIZER_FILES =
      List.of("tokenizer.json", "tokenizer_config.json", "chat_template.jinja");

  private static final int GGUF_MAGIC = 0x46554747;
  private static final int GGUF_VERSION = 3;
  private static final int GGUF_HEAD_BYTES = 24;

  private PackedDocuments() {}

  /** The documents of a model, by name. */
  static Map<String, byte[]> of(Checkpoint source) {
    Map<String, byte[]> documents = new LinkedHashMap<>();
    documents.put(PackedFormat.CONFIG, config(source.config()));
    if (!source.generationDefaults().equals(GenerationDefaults.NONE)) {
      documents.put(
          PackedFormat.GENERATION_CONFIG,
          utf8(ConfigWriter.generationConfig(source.generationDefaults())));
    }
    source
        .metadata()
        .ifPresent(metadata -> documents.put(PackedFormat.METADATA, withoutTensors(metadata)));
    source.folder().map(ModelFolder::of).ifPresent(folder -> addTokenizer(folder, documents));
    return documents;
  }

  /** What the reader would understand otherwise must not be written. */
  private static byte[] config(ModelConfig config) {
    byte[] json = utf8(ConfigWriter.config(config));
    ModelConfig back =
        ConfigReader.read(JsonText.parseObject(json, PackedFormat.CONFIG), PackedFormat.CONFIG);
    if (!back.equals(config)) {
      throw new IllegalStateException("written as " + back + ": " + config);
    }
    return json;
  }

  private static void addTokenizer(ModelFolder folder, Map<String, byte[]> documents) {
    for (String name : TOKENIZER_FILES) {
      Optional<Path> file = folder.find(name);
      file.ifPresent(
          path -> documents.put(name, JsonText.readBounded(path, PackedFormat.MAX_DOCUMENT_BYTES)));
    }
  }

  /** All key-value pairs as a GGUF file of their own. */
  private static byte[] withoutTensors(GgufMetadata metadata) {
    MemorySegment pairs = metadata.pairs();
    byte[] file = new byte[Math.toIntExact(GGUF_HEAD_BYTES + pairs.byteSize())];
    ByteBuffer.wrap(file)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(GGUF_MAGIC)
        .putInt(GGUF_VERSION)
        .putLong(0)
        .putLong(metadata.keys().size());
    MemorySegment.copy(
        pairs, ValueLayout.JAVA_BYTE, 0, file, GGUF_HEAD_BYTES, file.length - GGUF_HEAD_BYTES);
    return file;
  }

  /** Names and texts, each behind its length. */
  static byte[] bytes(Map<String, byte[]> documents) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    documents.forEach((name, text) -> {
      byte[] nameBytes = utf8(name);
      ByteBuffer lengths = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
      lengths.putInt(nameBytes.length).putLong(text.length);
      out.write(lengths.array(), 0, Integer.BYTES);
      out.writeBytes(nameBytes);
      out.write(lengths.array(), Integer.BYTES, Long.BYTES);
      out.writeBytes(text);
    });
    if (out.size() > PackedFormat.MAX_HEAD_BYTES / 2) {
      throw new ModelException(
          "the model's vocabulary and metadata have " + out.size() + " bytes, too many to carry");
    }
    return out.toByteArray();
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
