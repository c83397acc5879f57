package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;

/**
 * The head of a GGUF file, checked as ggml checks it: magic, version, metadata, a record for each
 * tensor, then data in the order of the records, each tensor at the next multiple of the alignment.
 *
 * @param version 2 or 3
 * @param metadata the key-value pairs
 * @param tensors by name, in the order of the file
 * @param dataOffset bytes from the file's beginning to the data
 */
record GgufHeader(int version, GgufMetadata metadata, Map<String, Entry> tensors, long dataOffset) {
  private static final int MAGIC = 0x46554747; // GGUF
  private static final int MAX_NAME_BYTES = 128;
  private static final int MAX_DIMENSIONS = 4;
  private static final int DEFAULT_ALIGNMENT = 32;
  private static final int MAX_ALIGNMENT = 1 << 20;
  private static final String ALIGNMENT = "general.alignment";

  /** Bytes of the shortest record: a name of no bytes, one dimension, type, offset. */
  private static final int LEAST_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8;

  /** Bytes of the shortest pair: a key of no bytes, a type, a value of one byte. */
  private static final int LEAST_PAIR_BYTES = 8 + 4 + 1;

  /**
   * Where a tensor lies.
   *
   * @param type ggml's number of the type
   * @param shape dimensions, the contiguous one last
   * @param offset bytes from the data's beginning
   */
  record Entry(int type, List<Long> shape, long offset) {}

  static GgufHeader read(MemorySegment file, String where) {
    GgufCursor cursor = new GgufCursor(file, where, 0);
    if (file.byteSize() < Integer.BYTES || cursor.i32("the magic") != MAGIC) {
      throw new ModelException(
          where + ": not a GGUF file: it does not begin with GGUF; fetch it again");
    }
    int version = version(cursor, where);
    long tensorCount = cursor.count(LEAST_TENSOR_BYTES, Long.MAX_VALUE, "the count of tensors");
    long pairs = cursor.count(LEAST_PAIR_BYTES, Long.MAX_VALUE, "the count of keys");
    if (tensorCount > ConfigReader.MOST_TENSORS) {
      throw cursor.damaged(
          "it claims " + tensorCount + " tensors, of at most " + ConfigReader.MOST_TENSORS);
    }
    GgufMetadata metadata = GgufMetadata.read(file, where, cursor, pairs);
    long alignment = alignment(metadata, where);
    Map<String, Entry> tensors = new LinkedHashMap<>();
    for (long i = 0; i < tensorCount; i++) {
      String name = cursor.text(MAX_NAME_BYTES, "the name of tensor " + i);
      if (tensors.put(name, entry(cursor, name)) != null) {
        throw cursor.damaged("the tensor " + name + " comes a second time");
      }
    }
    long dataOffset = aligned(cursor.position(), alignment);
    checkOrder(tensors, alignment, file.byteSize() - dataOffset, where);
    return new GgufHeader(version, metadata, tensors, dataOffset);
  }

  private static int version(GgufCursor cursor, String where) {
    int version = cursor.i32("the version");
    if (version == 2 || version == 3) {
      return version;
    }
    String reason;
    if (version == 1) {
      reason = "GGUF version 1, the first one; convert the model anew";
    } else if (version != 0 && (version & 0xFFFF) == 0) {
      reason = "big-endian GGUF; Moka reads little-endian files: convert the model anew";
    } else {
      reason =
          "GGUF version %s; this version of Moka reads 2 and 3"
              .formatted(Integer.toUnsignedString(version));
    }
    throw new ModelException(where + ": " + reason);
  }

  private static long alignment(GgufMetadata metadata, String where) {
    OptionalLong given = metadata.integer(ALIGNMENT);
    long alignment = given.orElse(DEFAULT_ALIGNMENT);
    if (alignment < 8 || alignment > MAX_ALIGNMENT || Long.bitCount(alignment) != 1) {
      throw new ModelException(
          "%s: %s is %d, expected a power of two from 8 to %d; fetch the file again"
              .formatted(where, ALIGNMENT, alignment, MAX_ALIGNMENT));
    }
    return alignment;
  }

  private static Entry entry(GgufCursor cursor, String name) {
    int dimensions = cursor.i32("the dimensions of " + name);
    if (dimensions < 1 || dimensions > MAX_DIMENSIONS) {
      throw cursor.damaged(
          "%s has %s dimensions, expected 1 to %d"
              .formatted(name, Integer.toUnsignedString(dimensions), MAX_DIMENSIONS));
    }
    List<Long> shape = new ArrayList<>();
    for (int i = 0; i < dimensions; i++) {
      long dimension = cursor.i64("the shape of " + name);
      if (dimension < 1) {
        throw cursor.damaged(
            "%s has a dimension of %s".formatted(name, Long.toUnsignedString(dimension)));
      }
      shape.addFirst(dimension);
    }
    int type = cursor.i32("the type of " + name);
    long offset = cursor.i64("the offset of " + name);
    return new Entry(type, List.copyOf(shape), offset);
  }

  /** Behind a tensor of a type whose size is not known only the order can be checked. */
  private static void checkOrder(
      Map<String, Entry> tensors, long alignment, long dataBytes, String where) {
    long end = 0;
    boolean exact = true;
    for (Map.Entry<String, Entry> tensor : tensors.entrySet()) {
      String name = tensor.getKey();
      Entry entry = tensor.getValue();
      boolean follows = exact ? entry.offset == end : entry.offset >= end;
      if (!follows || entry.offset % alignment != 0) {
        throw new ModelException(
            "%s: not a whole GGUF file: %s begins at %s of the data, expected %d; fetch it again"
                .formatted(where, name, Long.toUnsignedString(entry.offset), end));
      }
      exact = GgmlType.format(entry.type).isPresent();
      long bytes = bytes(entry, name, where);
      if (bytes > dataBytes - entry.offset) {
        throw new ModelException(
            "%s: not a whole GGUF file: %s takes %d bytes from %d on, of %d bytes of data; %s"
                .formatted(where, name, bytes, entry.offset, dataBytes, "fetch it again"));
      }
      end = aligned(entry.offset + bytes, alignment);
    }
  }

  private static long bytes(Entry entry, String name, String where) {
    WeightFormat format = GgmlType.format(entry.type).orElse(WeightFormat.F32);
    long columns = entry.shape.getLast();
    if (columns % format.blockElements() != 0) {
      throw new ModelException(
          "%s: %s has rows of %d numbers, which %s stores in blocks of %d; fetch the file again"
              .formatted(where, name, columns, format, format.blockElements()));
    }
    try {
      long elements = 1;
      for (long dimension : entry.shape) {
        elements = Math.multiplyExact(elements, dimension);
      }
      return GgmlType.format(entry.type).isPresent() ? format.bytes(elements) : 1;
    } catch (ArithmeticException tooLarge) {
      return Long.MAX_VALUE;
    }
  }

  /** Bytes beyond the greatest multiple stay as they are; no file is so long. */
  private static long aligned(long bytes, long alignment) {
    return bytes > Long.MAX_VALUE - alignment
        ? bytes
        : (bytes + alignment - 1) / alignment * alignment;
  }
}
