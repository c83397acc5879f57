package io.moka.checkpoint;

import java.util.List;

/** Types of metadata values, in the order of their numbers in a file. */
enum GgufType {
  UINT8(1),
  INT8(1),
  UINT16(2),
  INT16(2),
  UINT32(4),
  INT32(4),
  FLOAT32(4),
  BOOL(1),
  /** Eight bytes of length, then UTF-8. */
  STRING(0),
  /** Four bytes of element type, eight of count, then the elements. */
  ARRAY(0),
  UINT64(8),
  INT64(8),
  FLOAT64(8);

  private static final List<GgufType> ALL = List.of(values());

  private final int bytes;

  GgufType(int bytes) {
    this.bytes = bytes;
  }

  static GgufType read(GgufCursor cursor, String what) {
    int number = cursor.i32(what);
    if (number < 0 || number >= ALL.size()) {
      throw cursor.damaged(
          what + " is " + Integer.toUnsignedString(number) + ", expected 0 to " + (ALL.size() - 1));
    }
    return ALL.get(number);
  }

  boolean hasFixedSize() {
    return bytes > 0;
  }

  boolean isInteger() {
    return switch (this) {
      case UINT8, INT8, UINT16, INT16, UINT32, INT32, UINT64, INT64 -> true;
      case FLOAT32, BOOL, STRING, ARRAY, FLOAT64 -> false;
    };
  }

  boolean isFloat() {
    return this == FLOAT32 || this == FLOAT64;
  }

  /** Bytes of a value; the least there can be where the size is not fixed. */
  int leastBytes() {
    return switch (this) {
      case STRING -> Long.BYTES;
      case ARRAY -> Integer.BYTES + Long.BYTES;
      default -> bytes;
    };
  }
}
