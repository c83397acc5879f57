package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.checkpoint.PackedKey.Kind;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The head of a packed file, as {@link PackedFormat} draws it: read, checked for itself, and not
 * yet held against the model.
 *
 * @param documents views into the file, by name
 * @param entries by key, in the order of the file
 */
record PackedHead(Map<String, MemorySegment> documents, Map<PackedKey, Entry> entries, long bytes) {
  /**
   * What the table says of a piece.
   *
   * @param format how its numbers are stored
   * @param rows as in {@link PackedPiece}
   * @param columns as in {@link PackedPiece}
   * @param offset bytes from the file's beginning
   * @param bytes its length
   * @param checksum CRC-32C
   */
  record Entry(
      WeightFormat format, long rows, long columns, long offset, long bytes, int checksum) {}

  static PackedHead read(MemorySegment file, String where) {
    return new Reader(file, where).read();
  }

  /** Goes from field to field. */
  private static final class Reader {
    private final MemorySegment file;
    private final String where;
    private ByteBuffer head;

    Reader(MemorySegment file, String where) {
      this.file = file;
      this.where = where;
      this.head = buffer(Math.min(file.byteSize(), PackedFormat.FIXED_BYTES));
    }

    private ByteBuffer buffer(long bytes) {
      return file.asSlice(0, bytes).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
    }

    PackedHead read() {
      byte[] magic = new byte[(int) Math.min(PackedFormat.MAGIC.length, file.byteSize())];
      head.get(magic);
      if (!Arrays.equals(magic, PackedFormat.MAGIC)) {
        throw new ModelException(
            where + ": not a packed file: it does not begin with MOKAPACK; make it with prefuse");
      }
      if (file.byteSize() < PackedFormat.FIXED_BYTES) {
        throw damaged("it ends within its first " + PackedFormat.FIXED_BYTES + " bytes");
      }
      checkVersions();
      int headBytes = checkSizes();
      head = buffer(headBytes).position(head.position());
      checkSum();
      try {
        return body();
      } catch (BufferUnderflowException e) {
        throw damaged("its head ends within a document or an entry of its table");
      }
    }

    private void checkVersions() {
      int version = head.getInt();
      int layout = head.getInt();
      int order = head.getInt();
      if (version != PackedFormat.VERSION) {
        throw stale("format %s", version, PackedFormat.VERSION);
      }
      if (layout != PackedMatrix.LAYOUT_VERSION) {
        throw stale("layout %s of its matrices", layout, PackedMatrix.LAYOUT_VERSION);
      }
      if (order == Integer.reverseBytes(PackedFormat.nativeOrder())) {
        throw new ModelException(
            where + ": was written on a machine of the other byte order; prefuse the model here");
      }
      if (order != PackedFormat.nativeOrder()) {
        throw damaged("its byte order is 0x%08X".formatted(order));
      }
    }

    private ModelException stale(String what, int found, int expected) {
      return new ModelException(
          "%s: has %s; this version of Moka reads %d: prefuse the model anew"
              .formatted(where, what.formatted(Integer.toUnsignedString(found)), expected));
    }

    private int checkSizes() {
      int alignment = head.getInt();
      long headBytes = head.getLong();
      long fileBytes = head.getLong();
      if (alignment != PackedFormat.ALIGNMENT) {
        throw damaged(
            "its alignment is %s, expected %d"
                .formatted(Integer.toUnsignedString(alignment), PackedFormat.ALIGNMENT));
      }
      if (fileBytes != file.byteSize()) {
        throw damaged(
            "it has %d bytes, and its head says %s"
                .formatted(file.byteSize(), Long.toUnsignedString(fileBytes)));
      }
      if (headBytes < PackedFormat.FIXED_BYTES
          || headBytes > PackedFormat.MAX_HEAD_BYTES
          || headBytes > fileBytes) {
        throw damaged(
            "its head of %s bytes is not within %d and %d"
                .formatted(
                    Long.toUnsignedString(headBytes),
                    PackedFormat.FIXED_BYTES,
                    Math.min(fileBytes, PackedFormat.MAX_HEAD_BYTES)));
      }
      return (int) headBytes;
    }

    private void checkSum() {
      int expected = head.getInt(PackedFormat.CHECKSUM_AT);
      int found = PackedFormat.checksum(head);
      if (found != expected) {
        throw damaged("the checksum of its head is %08x, expected %08x".formatted(found, expected));
      }
    }

    private PackedHead body() {
      int documentCount = count(Integer.BYTES + Long.BYTES, "documents");
      int pieceCount = count(PackedFormat.PIECE_BYTES, "pieces");
      requireZero(head.getLong(), "reserved bytes of the head");
      requireZero(head.getInt(), "reserved bytes of the head");
      head.position(PackedFormat.FIXED_BYTES);
      Map<String, MemorySegment> documents = new LinkedHashMap<>();
      for (int i = 0; i < documentCount; i++) {
        String name = name(i);
        if (documents.put(name, document(name)) != null) {
          throw damaged("the document " + name + " comes a second time");
        }
      }
      Map<PackedKey, Entry> entries = new LinkedHashMap<>();
      for (int i = 0; i < pieceCount; i++) {
        PackedKey key = key(i);
        if (entries.put(key, entry(key)) != null) {
          throw damaged(key + " comes a second time");
        }
      }
      if (head.hasRemaining()) {
        throw damaged(head.remaining() + " bytes follow its table");
      }
      return new PackedHead(documents, entries, head.limit());
    }

    /** How many there are of things that take at least so many bytes each. */
    private int count(int leastBytes, String what) {
      int claimed = head.getInt();
      if (claimed < 0 || claimed > head.limit() / leastBytes) {
        throw damaged("it claims to hold " + Integer.toUnsignedString(claimed) + " " + what);
      }
      return claimed;
    }

    private String name(int index) {
      int bytes = head.getInt();
      if (bytes < 1 || bytes > PackedFormat.MAX_NAME_BYTES) {
        throw damaged(
            "the name of document %d has %s bytes, of at most %d"
                .formatted(index, Integer.toUnsignedString(bytes), PackedFormat.MAX_NAME_BYTES));
      }
      byte[] name = new byte[bytes];
      head.get(name);
      String text = new String(name, StandardCharsets.US_ASCII);
      if (!text.matches("[a-z_.]+")) {
        throw damaged("the name of document " + index + " is none that Moka writes");
      }
      return text;
    }

    private MemorySegment document(String name) {
      long bytes = head.getLong();
      if (bytes < 0 || bytes > head.remaining()) {
        throw damaged(
            "%s claims to have %s bytes, and %d are left of the head"
                .formatted(name, Long.toUnsignedString(bytes), head.remaining()));
      }
      MemorySegment document = file.asSlice(head.position(), bytes);
      head.position(head.position() + (int) bytes);
      return document;
    }

    private PackedKey key(int index) {
      int kind = head.getInt();
      if (kind < 0 || kind >= Kind.values().length) {
        throw damaged(
            "piece %d is of kind %s, which this version does not know"
                .formatted(index, Integer.toUnsignedString(kind)));
      }
      return new PackedKey(Kind.values()[kind], head.getInt(), head.getInt());
    }

    private Entry entry(PackedKey key) {
      int type = head.getInt();
      WeightFormat format =
          GgmlType.format(type)
              .orElseThrow(() ->
                  damaged(
                      key
                          + " is of type "
                          + GgmlType.name(type)
                          + ", which this version does not compute with"));
      Entry entry =
          new Entry(
              format,
              head.getLong(),
              head.getLong(),
              head.getLong(),
              head.getLong(),
              head.getInt());
      requireZero(head.getInt(), "reserved bytes of " + key);
      return entry;
    }

    private void requireZero(long value, String what) {
      if (value != 0) {
        throw damaged(what + " are not zero");
      }
    }

    private ModelException damaged(String what) {
      return PackedHead.damaged(where, what);
    }
  }

  static ModelException damaged(String where, String what) {
    return new ModelException(
        "%s: not a whole packed file: %s; copy it again, or prefuse the model anew"
            .formatted(where, what));
  }
}
