package io.moka.checkpoint;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * A packed file taken apart, as docs/formats.md draws it, and put together again: whole, or, where
 * a field is set to a lie, damaged with a checksum that says otherwise.
 */
final class PackedBytes {
  private static final int FIXED = 64;
  private static final int PAGE = 4096;

  final int[] fixed = new int[4]; // version, layout, order, alignment
  long claimedHeadBytes = -1;
  long claimedFileBytes = -1;
  int claimedDocuments = -1;
  int claimedPieces = -1;
  long reserved;
  boolean rightChecksum = true;
  final Map<String, byte[]> documents = new LinkedHashMap<>();
  final List<Piece> pieces = new ArrayList<>();

  /** A row of the table and its bytes; numbers of -2 stand for the true ones. */
  static final class Piece {
    static final long TRUE = -2;
    final int[] key; // kind, layer, index, type
    final long[] size; // rows, columns
    long offset = TRUE;
    long bytes = TRUE;
    int checksum;
    int reserved;
    byte[] data;

    Piece(int[] key, long[] size, int checksum, byte[] data) {
      this.key = key;
      this.size = size;
      this.checksum = checksum;
      this.data = data;
    }

    Piece copy() {
      return new Piece(key.clone(), size.clone(), checksum, data);
    }
  }

  static PackedBytes of(byte[] file) {
    PackedBytes parts = new PackedBytes();
    ByteBuffer head = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).position(8);
    for (int i = 0; i < 4; i++) {
      parts.fixed[i] = head.getInt();
    }
    int documents = head.position(40).getInt();
    int pieces = head.getInt();
    head.position(FIXED);
    for (int i = 0; i < documents; i++) {
      byte[] name = new byte[head.getInt()];
      head.get(name);
      byte[] text = new byte[(int) head.getLong()];
      head.get(text);
      parts.documents.put(new String(name, StandardCharsets.UTF_8), text);
    }
    for (int i = 0; i < pieces; i++) {
      int[] key = {head.getInt(), head.getInt(), head.getInt(), head.getInt()};
      long[] size = {head.getLong(), head.getLong()};
      int offset = (int) head.getLong();
      int bytes = (int) head.getLong();
      byte[] data = Arrays.copyOfRange(file, offset, offset + bytes);
      parts.pieces.add(new Piece(key, size, head.getInt(), data));
      head.getInt();
    }
    return parts;
  }

  byte[] build() {
    ByteArrayOutputStream texts = new ByteArrayOutputStream();
    documents.forEach((name, text) -> {
      byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
      ByteBuffer lengths = ByteBuffer.allocate(12).order(ByteOrder.LITTLE_ENDIAN);
      lengths.putInt(bytes.length).putLong(text.length);
      texts.write(lengths.array(), 0, 4);
      texts.writeBytes(bytes);
      texts.write(lengths.array(), 4, 8);
      texts.writeBytes(text);
    });
    int headBytes = FIXED + texts.size() + 56 * pieces.size();
    ByteArrayOutputStream data = new ByteArrayOutputStream();
    long[] offsets = new long[pieces.size()];
    int begin = page(headBytes);
    for (int i = 0; i < pieces.size(); i++) {
      offsets[i] = begin + data.size();
      data.writeBytes(pieces.get(i).data);
      data.writeBytes(new byte[page(data.size()) - data.size()]);
    }
    ByteBuffer file = ByteBuffer.allocate(begin + data.size()).order(ByteOrder.LITTLE_ENDIAN);
    file.put("MOKAPACK".getBytes(StandardCharsets.US_ASCII));
    for (int field : fixed) {
      file.putInt(field);
    }
    file.putLong(claimedHeadBytes >= 0 ? claimedHeadBytes : headBytes)
        .putLong(claimedFileBytes >= 0 ? claimedFileBytes : file.capacity())
        .putInt(claimedDocuments == -1 ? documents.size() : claimedDocuments)
        .putInt(claimedPieces == -1 ? pieces.size() : claimedPieces)
        .putLong(reserved)
        .position(FIXED)
        .put(texts.toByteArray());
    for (int i = 0; i < pieces.size(); i++) {
      Piece piece = pieces.get(i);
      for (int field : piece.key) {
        file.putInt(field);
      }
      file.putLong(piece.size[0])
          .putLong(piece.size[1])
          .putLong(piece.offset == Piece.TRUE ? offsets[i] : piece.offset)
          .putLong(piece.bytes == Piece.TRUE ? piece.data.length : piece.bytes)
          .putInt(piece.checksum)
          .putInt(piece.reserved);
    }
    file.position(begin).put(data.toByteArray());
    if (rightChecksum) {
      correctChecksum(file.array());
    }
    return file.array();
  }

  /** Makes the checksum of the head right, as far as the head goes that the file claims. */
  static void correctChecksum(byte[] file) {
    if (file.length < FIXED) {
      return;
    }
    ByteBuffer head = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    long claimed = head.getLong(24);
    int headBytes = Math.clamp(claimed, FIXED, file.length);
    head.putInt(60, 0);
    CRC32C crc = new CRC32C();
    crc.update(file, 0, headBytes);
    head.putInt(60, (int) crc.getValue());
  }

  private static int page(int bytes) {
    return (bytes + PAGE - 1) / PAGE * PAGE;
  }
}
