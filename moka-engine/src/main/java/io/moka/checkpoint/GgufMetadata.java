package io.moka.checkpoint;

import io.moka.ModelException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.Set;

/**
 * The key-value pairs of a GGUF file. Values stay in the file and are decoded when they are asked
 * for, so the file must still be open. A getter answers empty where there is no such key, and
 * refuses a value of another type.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">The format</a>
 */
public final class GgufMetadata {
  /** The most elements of an array that is decoded; vocabularies have up to half a million. */
  public static final int MAX_ELEMENTS = 1 << 20;

  /** The most bytes of a text that is decoded, and of all texts of an array together. */
  public static final int MAX_TEXT_BYTES = 32 << 20;

  private static final int MAX_PAIRS = 1 << 14;
  private static final int MAX_KEY_BYTES = 1024;
  private static final int MAX_NESTING = 4;

  private final MemorySegment file;
  private final String where;
  private final Map<String, Value> values;
  private final MemorySegment pairs;

  /**
   * A value where it lies.
   *
   * @param type what it is
   * @param elementType what an array holds; the type itself elsewhere
   * @param count elements of an array; 1 elsewhere
   * @param position bytes from the beginning of the file to the value or the first element
   */
  record Value(GgufType type, GgufType elementType, long count, long position) {
    boolean isArray() {
      return type == GgufType.ARRAY;
    }
  }

  private GgufMetadata(
      MemorySegment file, String where, Map<String, Value> values, MemorySegment pairs) {
    this.file = file;
    this.where = where;
    this.values = values;
    this.pairs = pairs;
  }

  /** Reads so many pairs, which begin at the cursor. */
  static GgufMetadata read(MemorySegment file, String where, GgufCursor cursor, long pairs) {
    if (pairs > MAX_PAIRS) {
      throw cursor.damaged("it claims " + pairs + " keys, of at most " + MAX_PAIRS);
    }
    long begin = cursor.position();
    Map<String, Value> values = new LinkedHashMap<>();
    for (long i = 0; i < pairs; i++) {
      String key = cursor.text(MAX_KEY_BYTES, "key " + i);
      GgufType type = GgufType.read(cursor, "the type of " + key);
      if (values.put(key, value(cursor, type, key)) != null) {
        throw cursor.damaged("the key " + key + " comes a second time");
      }
    }
    MemorySegment bytes = file.asSlice(begin, cursor.position() - begin);
    return new GgufMetadata(file, where, values, bytes);
  }

  private static Value value(GgufCursor cursor, GgufType type, String key) {
    if (type != GgufType.ARRAY) {
      Value value = new Value(type, type, 1, cursor.position());
      skip(cursor, type, 1, key, 0);
      return value;
    }
    GgufType elementType = GgufType.read(cursor, "the element type of " + key);
    long count = count(cursor, elementType, key);
    Value value = new Value(type, elementType, count, cursor.position());
    skip(cursor, elementType, count, key, 1);
    return value;
  }

  private static long count(GgufCursor cursor, GgufType elementType, String key) {
    return cursor.count(elementType.leastBytes(), Long.MAX_VALUE, "the element count of " + key);
  }

  private static void skip(GgufCursor cursor, GgufType type, long count, String key, int depth) {
    if (type.hasFixedSize()) {
      cursor.skip(count * type.leastBytes(), key);
      return;
    }
    if (depth > MAX_NESTING) {
      throw cursor.damaged("arrays within " + key + " nest deeper than " + MAX_NESTING);
    }
    for (long i = 0; i < count; i++) {
      if (type == GgufType.STRING) {
        cursor.skipText(key);
      } else {
        GgufType inner = GgufType.read(cursor, "the element type of " + key);
        skip(cursor, inner, count(cursor, inner, key), key, depth + 1);
      }
    }
  }

  /**
   * Where the metadata comes from, for messages.
   *
   * @return the file
   */
  public String source() {
    return where;
  }

  /**
   * Every key.
   *
   * @return in the order of the file
   */
  public Set<String> keys() {
    return Collections.unmodifiableSet(values.keySet());
  }

  /**
   * Whether there is a key.
   *
   * @param key with its prefix, such as {@code tokenizer.ggml.model}
   * @return whether it has a value
   */
  public boolean has(String key) {
    return values.containsKey(key);
  }

  /** All pairs as they lie in the file, one after the other. */
  MemorySegment pairs() {
    return pairs;
  }

  /** Where a value lies; for those that treat all types. */
  Optional<Value> find(String key) {
    return Optional.ofNullable(values.get(key));
  }

  /**
   * How many elements an array has.
   *
   * @param key of an array of any type
   * @return the count
   * @throws ModelException when the value is no array
   */
  public OptionalLong length(String key) {
    return find(key)
        .map(value -> OptionalLong.of(require(value, value.isArray(), key, "an array").count))
        .orElse(OptionalLong.empty());
  }

  /**
   * A text.
   *
   * @param key of a string
   * @return its value
   * @throws ModelException when the value is no string, longer than {@link #MAX_TEXT_BYTES}, or not
   *     UTF-8
   */
  public Optional<String> string(String key) {
    return find(key)
        .map(value -> {
          require(value, value.type == GgufType.STRING, key, "a string");
          return at(value).text(MAX_TEXT_BYTES, key);
        });
  }

  /**
   * A whole number of any width.
   *
   * @param key of an integer
   * @return its value
   * @throws ModelException when the value is no integer, or does not fit a long
   */
  public OptionalLong integer(String key) {
    Optional<Value> value = find(key);
    if (value.isEmpty()) {
      return OptionalLong.empty();
    }
    require(value.get(), value.get().type.isInteger(), key, "a whole number");
    long number = integer(at(value.get()), value.get().type, key);
    if (number < 0 && value.get().type == GgufType.UINT64) {
      throw new ModelException(
          "%s: %s is %s, which no size or count is; fetch it again"
              .formatted(where, key, Long.toUnsignedString(number)));
    }
    return OptionalLong.of(number);
  }

  /**
   * A number with a point, of either width.
   *
   * @param key of a float
   * @return its value
   * @throws ModelException when the value is no float
   */
  public OptionalDouble number(String key) {
    Optional<Value> value = find(key);
    if (value.isEmpty()) {
      return OptionalDouble.empty();
    }
    require(value.get(), value.get().type.isFloat(), key, "a floating-point number");
    return OptionalDouble.of(number(at(value.get()), value.get().type, key));
  }

  /**
   * A truth value.
   *
   * @param key of a bool
   * @return its value
   * @throws ModelException when the value is no bool
   */
  public Optional<Boolean> bool(String key) {
    return find(key)
        .map(value -> {
          require(value, value.type == GgufType.BOOL, key, "a bool");
          return bool(at(value), key);
        });
  }

  /**
   * An array of texts, decoded anew with each call.
   *
   * @param key of an array of strings
   * @return its elements, unchangeable
   * @throws ModelException when the value is no such array, has more than {@link #MAX_ELEMENTS} or
   *     {@link #MAX_TEXT_BYTES}, or is not UTF-8
   */
  public Optional<List<String>> strings(String key) {
    return find(key)
        .map(value -> {
          int count = elements(value, value.elementType == GgufType.STRING, key, "strings");
          GgufCursor measure = at(value);
          long bytes = 0;
          for (int i = 0; i < count; i++) {
            bytes += measure.skipText(key);
          }
          if (bytes > MAX_TEXT_BYTES) {
            throw new ModelException(
                "%s: %s holds %d bytes of text, of at most %d"
                    .formatted(where, key, bytes, MAX_TEXT_BYTES));
          }
          GgufCursor cursor = at(value);
          List<String> strings = new ArrayList<>(count);
          for (int i = 0; i < count; i++) {
            strings.add(cursor.text(MAX_TEXT_BYTES, key));
          }
          return Collections.unmodifiableList(strings);
        });
  }

  /**
   * An array of numbers with a point.
   *
   * @param key of an array of floats of either width
   * @return its elements
   * @throws ModelException when the value is no such array, or has more than {@link #MAX_ELEMENTS}
   */
  public Optional<float[]> floats(String key) {
    return find(key)
        .map(value -> {
          float[] floats = new float[elements(value, value.elementType.isFloat(), key, "floats")];
          GgufCursor cursor = at(value);
          for (int i = 0; i < floats.length; i++) {
            floats[i] = (float) number(cursor, value.elementType, key);
          }
          return floats;
        });
  }

  /**
   * An array of whole numbers.
   *
   * @param key of an array of integers of any width
   * @return its elements
   * @throws ModelException when the value is no such array, has more than {@link #MAX_ELEMENTS}, or
   *     one of them does not fit an int
   */
  public Optional<int[]> ints(String key) {
    return find(key)
        .map(value -> {
          int[] ints =
              new int[elements(value, value.elementType.isInteger(), key, "whole numbers")];
          GgufCursor cursor = at(value);
          for (int i = 0; i < ints.length; i++) {
            long number = integer(cursor, value.elementType, key);
            if (number != (int) number) {
              throw new ModelException(
                  "%s: element %d of %s is %d, which is no 32-bit number"
                      .formatted(where, i, key, number));
            }
            ints[i] = (int) number;
          }
          return ints;
        });
  }

  /** A cursor at a value or at the first element of an array. */
  GgufCursor at(Value value) {
    return new GgufCursor(file, where, value.position);
  }

  /** Reads an integer; one of 64 bits without sign that is too great comes out negative. */
  static long integer(GgufCursor cursor, GgufType type, String key) {
    return switch (type) {
      case UINT8 -> Byte.toUnsignedLong(cursor.i8(key));
      case INT8 -> cursor.i8(key);
      case UINT16 -> Short.toUnsignedLong(cursor.i16(key));
      case INT16 -> cursor.i16(key);
      case UINT32 -> Integer.toUnsignedLong(cursor.i32(key));
      case INT32 -> cursor.i32(key);
      case UINT64, INT64 -> cursor.i64(key);
      case FLOAT32, BOOL, STRING, ARRAY, FLOAT64 -> throw new IllegalArgumentException(key);
    };
  }

  static double number(GgufCursor cursor, GgufType type, String key) {
    return type == GgufType.FLOAT32 ? cursor.f32(key) : cursor.f64(key);
  }

  static boolean bool(GgufCursor cursor, String key) {
    byte value = cursor.i8(key);
    if (value != 0 && value != 1) {
      throw cursor.damaged("the bool " + key + " is " + Byte.toUnsignedInt(value));
    }
    return value == 1;
  }

  private int elements(Value value, boolean fits, String key, String expected) {
    require(value, value.isArray() && fits, key, "an array of " + expected);
    if (value.count > MAX_ELEMENTS) {
      throw new ModelException(
          "%s: %s has %d elements, of at most %d".formatted(where, key, value.count, MAX_ELEMENTS));
    }
    return (int) value.count;
  }

  private Value require(Value value, boolean fits, String key, String expected) {
    if (!fits) {
      String found = value.isArray() ? "array of " + value.elementType : value.type.toString();
      throw new ModelException(
          "%s: %s is of type %s, expected %s; the file is damaged or was written by another program"
              .formatted(where, key, found, expected));
    }
    return value;
  }
}
