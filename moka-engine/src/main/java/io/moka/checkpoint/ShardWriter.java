package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes one safetensors file in one pass. The header comes first but depends on what follows, so
 * room for its longest form is left and the rest of the room filled with spaces, which the format
 * allows.
 */
final class ShardWriter {
  private static final long CHUNK_BYTES = 64 << 20;
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private ShardWriter() {}

  /** Writes tensors in order and returns the bytes of their data. */
  static long write(Path file, Checkpoint source, Map<TensorKey, List<Long>> shapes)
      throws IOException {
    Map<String, SafetensorsFile.Entry> entries = new LinkedHashMap<>();
    shapes.forEach((key, shape) ->
        entries.put(
            HuggingFaceNames.of(source.config(), key),
            new SafetensorsFile.Entry("BF16", shape, Long.MAX_VALUE, Long.MAX_VALUE)));
    int room = (json(entries).length + 7) / 8 * 8;
    long offset = 0;
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.WRITE, StandardOpenOption.CREATE_NEW)) {
      for (TensorKey key : shapes.keySet()) {
        Tensor tensor = source.tensor(key);
        write(channel, tensor.data(), Long.BYTES + room + offset);
        long end = offset + tensor.data().byteSize();
        entries.put(
            HuggingFaceNames.of(source.config(), key),
            new SafetensorsFile.Entry(dtype(tensor.format()), tensor.shape(), offset, end));
        offset = end;
        source.release(tensor);
      }
      write(channel, MemorySegment.ofBuffer(header(json(entries), room)), 0);
    }
    return offset;
  }

  private static ByteBuffer header(byte[] json, int room) {
    ByteBuffer header =
        ByteBuffer.allocate(Long.BYTES + room)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putLong(room)
            .put(json);
    while (header.hasRemaining()) {
      header.put((byte) ' ');
    }
    return header.flip();
  }

  private static void write(FileChannel channel, MemorySegment data, long position)
      throws IOException {
    for (long begin = 0; begin < data.byteSize(); begin += CHUNK_BYTES) {
      ByteBuffer chunk =
          data.asSlice(begin, Math.min(CHUNK_BYTES, data.byteSize() - begin)).asByteBuffer();
      while (chunk.hasRemaining()) {
        channel.write(chunk, position + begin + chunk.position());
      }
    }
  }

  private static byte[] json(Map<String, SafetensorsFile.Entry> entries) {
    ObjectNode json = MAPPER.createObjectNode();
    json.putObject("__metadata__").put("format", "pt"); // transformers asks for this
    entries.forEach((name, entry) -> {
      ObjectNode tensor = json.putObject(name);
      tensor.put("dtype", entry.dtype());
      ArrayNode shape = tensor.putArray("shape");
      entry.shape().forEach(shape::add);
      tensor.putArray("data_offsets").add(entry.begin()).add(entry.end());
    });
    return MAPPER.writeValueAsString(json).getBytes(StandardCharsets.UTF_8);
  }

  private static String dtype(WeightFormat format) {
    return switch (format) {
      case F32 -> "F32";
      case F16 -> "F16";
      case BF16 -> "BF16";
      default -> throw unsupported(format);
    };
  }

  static ModelException unsupported(WeightFormat format) {
    return new ModelException(
        "a safetensors file has no type for "
            + format
            + "; only models in F32, F16 and BF16 can be written as a Hugging Face folder");
  }
}
