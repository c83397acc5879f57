package io.moka.checkpoint;

import io.moka.ModelException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.core.JsonParser;
import tools.jackson.core.JsonToken;

/**
 * The header of a safetensors file, checked as the format's own implementation checks it: eight
 * bytes of length, JSON, then data that the tensors cover without gap or overlap.
 *
 * @param tensors by name, in the order of the header
 * @param dataOffset bytes from the file's beginning to the data
 */
record SafetensorsHeader(Map<String, SafetensorsFile.Entry> tensors, long dataOffset) {
  private static final int LENGTH_BYTES = 8;
  private static final long MAX_HEADER_BYTES = 100_000_000;
  private static final int MAX_DIMENSIONS = 16;

  private static final Map<String, Integer> BITS =
      Map.ofEntries(
          Map.entry("F4", 4),
          Map.entry("F6_E2M3", 6),
          Map.entry("F6_E3M2", 6),
          Map.entry("BOOL", 8),
          Map.entry("U8", 8),
          Map.entry("I8", 8),
          Map.entry("F8_E5M2", 8),
          Map.entry("F8_E4M3", 8),
          Map.entry("F8_E8M0", 8),
          Map.entry("I16", 16),
          Map.entry("U16", 16),
          Map.entry("F16", 16),
          Map.entry("BF16", 16),
          Map.entry("I32", 32),
          Map.entry("U32", 32),
          Map.entry("F32", 32),
          Map.entry("F64", 64),
          Map.entry("I64", 64),
          Map.entry("U64", 64),
          Map.entry("C64", 64));

  static SafetensorsHeader read(MemorySegment file, String where) {
    if (file.byteSize() < LENGTH_BYTES) {
      throw damaged(
          where, "it has " + file.byteSize() + " bytes, not even the 8 of the header's length");
    }
    long length = file.get(ValueLayout.JAVA_LONG_UNALIGNED, 0);
    if (length < 0 || length > Math.min(MAX_HEADER_BYTES, file.byteSize() - LENGTH_BYTES)) {
      throw damaged(
          where,
          "the header claims "
              + Long.toUnsignedString(length)
              + " bytes, of a file of "
              + file.byteSize()
              + " and at most "
              + MAX_HEADER_BYTES);
    }
    Map<String, SafetensorsFile.Entry> tensors =
        parse(file.asSlice(LENGTH_BYTES, length).asByteBuffer(), where);
    long dataOffset = LENGTH_BYTES + length;
    checkCoverage(tensors, file.byteSize() - dataOffset, where);
    return new SafetensorsHeader(tensors, dataOffset);
  }

  private static Map<String, SafetensorsFile.Entry> parse(ByteBuffer json, String where) {
    Map<String, SafetensorsFile.Entry> tensors = new LinkedHashMap<>();
    try (JsonParser parser = JsonText.stream(new Bytes(json))) {
      expect(parser.nextToken(), JsonToken.START_OBJECT, where, "the header");
      while (parser.nextToken() != JsonToken.END_OBJECT) {
        String name = parser.currentName();
        expect(parser.nextToken(), JsonToken.START_OBJECT, where, name);
        if (name.equals("__metadata__")) {
          parser.skipChildren();
        } else if (tensors.put(name, entry(parser, where, name)) != null) {
          throw damaged(where, "the header names " + name + " twice");
        } else if (tensors.size() > ConfigReader.MOST_TENSORS) {
          throw damaged(
              where, "the header names more than " + ConfigReader.MOST_TENSORS + " tensors");
        }
      }
      if (parser.nextToken() != null) {
        throw damaged(where, "something follows the header's object");
      }
    } catch (JacksonException e) {
      throw JsonText.notJson(where + ", header", e);
    }
    return tensors;
  }

  private static SafetensorsFile.Entry entry(JsonParser parser, String where, String name) {
    String dtype = null;
    List<Long> shape = null;
    List<Long> offsets = null;
    while (parser.nextToken() != JsonToken.END_OBJECT) {
      String field = parser.currentName();
      parser.nextToken();
      boolean again;
      switch (field) {
        case "dtype" -> {
          again = dtype != null;
          expect(parser.currentToken(), JsonToken.VALUE_STRING, where, name + " dtype");
          dtype = parser.getString();
        }
        case "shape" -> {
          again = shape != null;
          shape = longs(parser, where, name + " shape");
        }
        case "data_offsets" -> {
          again = offsets != null;
          offsets = longs(parser, where, name + " data_offsets");
        }
        default -> throw damaged(where, name + " has an unknown field " + field);
      }
      if (again) {
        throw damaged(where, name + " gives " + field + " twice");
      }
    }
    if (dtype == null || shape == null || offsets == null || offsets.size() != 2) {
      throw damaged(where, name + " needs dtype, shape and two data_offsets");
    }
    SafetensorsFile.Entry entry =
        new SafetensorsFile.Entry(dtype, shape, offsets.getFirst(), offsets.getLast());
    checkSize(entry, where, name);
    return entry;
  }

  private static List<Long> longs(JsonParser parser, String where, String what) {
    expect(parser.currentToken(), JsonToken.START_ARRAY, where, what);
    List<Long> values = new ArrayList<>();
    while (parser.nextToken() != JsonToken.END_ARRAY) {
      expect(parser.currentToken(), JsonToken.VALUE_NUMBER_INT, where, what);
      long value = parser.getLongValue();
      if (value < 0 || values.size() == MAX_DIMENSIONS) {
        throw damaged(where, what + " holds a negative number or more than " + MAX_DIMENSIONS);
      }
      values.add(value);
    }
    return List.copyOf(values);
  }

  private static void checkSize(SafetensorsFile.Entry entry, String where, String name) {
    if (entry.begin() > entry.end()) {
      throw damaged(where, name + " begins at " + entry.begin() + " and ends at " + entry.end());
    }
    Integer bits = BITS.get(entry.dtype());
    if (bits == null) {
      return; // a type of later days; an error only for who needs this tensor
    }
    long bytes = -1;
    try {
      long product = bits;
      for (long dimension : entry.shape()) {
        product = Math.multiplyExact(product, dimension);
      }
      bytes = product % 8 == 0 ? product / 8 : -1;
    } catch (ArithmeticException tooLarge) {
      bytes = -1;
    }
    if (bytes != entry.end() - entry.begin()) {
      throw damaged(
          where,
          name
              + " has "
              + (entry.end() - entry.begin())
              + " bytes, which are not "
              + entry.shape()
              + " of "
              + entry.dtype());
    }
  }

  /**
   * The format demands that tensors lie one after the other and fill the file, in whatever order
   * the header names them.
   */
  private static void checkCoverage(
      Map<String, SafetensorsFile.Entry> tensors, long dataBytes, String where) {
    List<Map.Entry<String, SafetensorsFile.Entry>> inOrder = new ArrayList<>(tensors.entrySet());
    inOrder.sort(
        Comparator.comparingLong(
                (Map.Entry<String, SafetensorsFile.Entry> tensor) -> tensor.getValue().begin())
            .thenComparingLong(tensor -> tensor.getValue().end()));
    long end = 0;
    for (Map.Entry<String, SafetensorsFile.Entry> tensor : inOrder) {
      if (tensor.getValue().begin() != end) {
        String fault = tensor.getValue().begin() < end ? "overlaps" : "leaves a gap after";
        throw damaged(
            where,
            tensor.getKey()
                + " begins at "
                + tensor.getValue().begin()
                + " and "
                + fault
                + " what ends at "
                + end);
      }
      end = tensor.getValue().end();
    }
    if (end != dataBytes) {
      throw damaged(
          where, "the header describes " + end + " bytes of data, the file has " + dataBytes);
    }
  }

  private static void expect(JsonToken found, JsonToken wanted, String where, String what) {
    if (found != wanted) {
      throw damaged(
          where,
          what + ": expected " + JsonText.describe(wanted) + ", found " + JsonText.describe(found));
    }
  }

  private static ModelException damaged(String where, String what) {
    return new ModelException(
        where + ": not a whole safetensors file: " + what + "; fetch it again");
  }

  /** The header where it is mapped; a copy on the heap could be a hundred megabytes. */
  private static final class Bytes extends InputStream {
    private final ByteBuffer bytes;

    Bytes(ByteBuffer bytes) {
      this.bytes = bytes;
    }

    @Override
    public int read() {
      return bytes.hasRemaining() ? bytes.get() & 0xFF : -1;
    }

    @Override
    public int read(byte[] target, int offset, int length) {
      if (length > 0 && !bytes.hasRemaining()) {
        return -1;
      }
      int count = Math.min(length, bytes.remaining());
      bytes.get(target, offset, count);
      return count;
    }
  }
}
