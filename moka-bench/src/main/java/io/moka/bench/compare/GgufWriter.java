package io.moka.bench.compare;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * The head of a GGUF file, version 3: metadata and the list of tensors, little-endian. The format
 * is described in ggml's docs/gguf.md.
 */
final class GgufWriter {
  /** Every tensor begins at a multiple of this many bytes. */
  static final int ALIGNMENT = 32;

  private static final int VERSION = 3;
  private static final int UINT32 = 4;
  private static final int INT32 = 5;
  private static final int FLOAT32 = 6;
  private static final int BOOL = 7;
  private static final int STRING = 8;
  private static final int ARRAY = 9;

  private final ByteArrayOutputStream metadata = new ByteArrayOutputStream();
  private final ByteArrayOutputStream tensors = new ByteArrayOutputStream();
  private int metadataCount;
  private int tensorCount;
  private long dataBytes;

  void put(String key, int value) {
    key(key, UINT32);
    metadata.writeBytes(int32(value));
  }

  void put(String key, float value) {
    key(key, FLOAT32);
    metadata.writeBytes(int32(Float.floatToRawIntBits(value)));
  }

  void put(String key, boolean value) {
    key(key, BOOL);
    metadata.write(value ? 1 : 0);
  }

  void put(String key, String value) {
    key(key, STRING);
    metadata.writeBytes(text(value));
  }

  void putStrings(String key, List<String> values) {
    array(key, STRING, values.size());
    values.forEach(value -> metadata.writeBytes(text(value)));
  }

  void putIntegers(String key, int[] values) {
    array(key, INT32, values.length);
    for (int value : values) {
      metadata.writeBytes(int32(value));
    }
  }

  private void array(String key, int type, int length) {
    key(key, ARRAY);
    metadata.writeBytes(int32(type));
    metadata.writeBytes(int64(length));
  }

  private void key(String key, int type) {
    metadata.writeBytes(text(key));
    metadata.writeBytes(int32(type));
    metadataCount++;
  }

  /**
   * Adds a tensor after those before.
   *
   * @param name its name
   * @param type how its numbers are stored
   * @param shape the longest stride last, as ggml has it: columns first
   * @return where its bytes begin, from the end of the head
   */
  long tensor(String name, BlockType type, List<Long> shape) {
    tensors.writeBytes(text(name));
    tensors.writeBytes(int32(shape.size()));
    shape.forEach(size -> tensors.writeBytes(int64(size)));
    tensors.writeBytes(int32(type.number()));
    long offset = dataBytes;
    tensors.writeBytes(int64(offset));
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    dataBytes = aligned(offset + type.bytes(elements));
    tensorCount++;
    return offset;
  }

  /**
   * The bytes of all tensors, padding included.
   *
   * @return the count
   */
  long dataBytes() {
    return dataBytes;
  }

  /**
   * The finished head, up to the first tensor's first byte.
   *
   * @return its bytes
   */
  byte[] head() {
    ByteArrayOutputStream head = new ByteArrayOutputStream();
    head.writeBytes("GGUF".getBytes(StandardCharsets.US_ASCII));
    head.writeBytes(int32(VERSION));
    head.writeBytes(int64(tensorCount));
    head.writeBytes(int64(metadataCount));
    head.writeBytes(metadata.toByteArray());
    head.writeBytes(tensors.toByteArray());
    head.writeBytes(new byte[(int) (aligned(head.size()) - head.size())]);
    return head.toByteArray();
  }

  private static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  private static byte[] text(String value) {
    byte[] utf8 = value.getBytes(StandardCharsets.UTF_8);
    return little(Long.BYTES + utf8.length).putLong(utf8.length).put(utf8).array();
  }

  private static byte[] int32(int value) {
    return little(Integer.BYTES).putInt(value).array();
  }

  private static byte[] int64(long value) {
    return little(Long.BYTES).putLong(value).array();
  }

  private static ByteBuffer little(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }
}
