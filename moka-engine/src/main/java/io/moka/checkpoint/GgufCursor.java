package io.moka.checkpoint;

import io.moka.ModelException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Reads the head of a GGUF file from one field to the next. Every length and count is held against
 * what is left of the file before it is used.
 */
final class GgufCursor {
  /** Vocabularies of the largest public models take about 15 MB; arrays are not copied. */
  static final long MAX_HEAD_BYTES = 256L << 20;

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final MemorySegment file;
  private final String where;
  private final long limit;
  private long position;

  GgufCursor(MemorySegment file, String where, long position) {
    this.file = file;
    this.where = where;
    this.limit = Math.min(file.byteSize(), MAX_HEAD_BYTES);
    this.position = position;
  }

  long position() {
    return position;
  }

  byte i8(String what) {
    return file.get(ValueLayout.JAVA_BYTE, take(1, what));
  }

  short i16(String what) {
    return file.get(SHORT, take(Short.BYTES, what));
  }

  int i32(String what) {
    return file.get(INT, take(Integer.BYTES, what));
  }

  long i64(String what) {
    return file.get(LONG, take(Long.BYTES, what));
  }

  float f32(String what) {
    return Float.intBitsToFloat(i32(what));
  }

  double f64(String what) {
    return Double.longBitsToDouble(i64(what));
  }

  /** A count of 64 bits of things that take at least so many bytes each. */
  long count(long leastBytes, long most, String what) {
    long count = i64(what);
    if (count < 0 || count > most || count > (limit - position) / leastBytes) {
      throw damaged(
          "%s claims to be %s, and %d bytes are left"
              .formatted(what, Long.toUnsignedString(count), limit - position));
    }
    return count;
  }

  /** A text after its length in bytes. */
  String text(long mostBytes, String what) {
    long bytes = count(1, mostBytes, "the length of " + what);
    byte[] text = file.asSlice(take(bytes, what), bytes).toArray(ValueLayout.JAVA_BYTE);
    for (byte character : text) {
      if (character < 0) {
        return JsonText.decode(text, where + ": " + what);
      }
    }
    return new String(text, StandardCharsets.US_ASCII);
  }

  /** Passes over a text; returns how many bytes it takes. */
  long skipText(String what) {
    long bytes = count(1, Long.MAX_VALUE, "the length of " + what);
    position += bytes;
    return bytes;
  }

  void skip(long bytes, String what) {
    take(bytes, what);
  }

  ModelException damaged(String what) {
    return new ModelException(
        "%s: not a whole GGUF file: at byte %d %s; fetch it again"
            .formatted(where, position, what));
  }

  private long take(long bytes, String what) {
    if (bytes > limit - position) {
      String end =
          limit == file.byteSize() ? "the file ends" : "the head passes " + limit + " bytes";
      throw damaged(end + " within " + what);
    }
    long at = position;
    position += bytes;
    return at;
  }
}
