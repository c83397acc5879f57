package io.moka.checkpoint;

import io.moka.weights.PackedMatrix;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.zip.CRC32C;

/**
 * What writer and reader of packed files agree on; docs/formats.md draws it. Numbers of the head
 * are little-endian, the pieces have the byte order of the machine that wrote them.
 *
 * <pre>
 * 0   magic        8 bytes
 * 8   version      i32     of this format
 * 12  layout       i32     {@link PackedMatrix#LAYOUT_VERSION}
 * 16  order        i32     {@link #ORDER} in the byte order of the pieces
 * 20  alignment    i32     4096
 * 24  head bytes   i64     from the file's beginning to the end of the table
 * 32  file bytes   i64
 * 40  documents    i32     how many
 * 44  pieces       i32     how many
 * 48  zero         i64
 * 56  zero         i32
 * 60  checksum     i32     CRC-32C of the head, itself taken as zero
 * 64  documents, each: i32 and so many bytes of name, i64 and so many bytes
 *     pieces, each: i32 kind, layer, index, ggml's number of the format; i64 rows, columns, offset,
 *     bytes; i32 CRC-32C of its bytes and the zeros behind them; i32 zero
 * </pre>
 */
final class PackedFormat {
  static final String ENDING = ".moka";
  static final byte[] MAGIC = "MOKAPACK".getBytes(StandardCharsets.US_ASCII);
  static final int VERSION = 1;
  static final int ORDER = 0x0A0B0C0D;

  /** A page: pieces can be shared, dropped and advised upon one by one. */
  static final int ALIGNMENT = 4096;

  static final int FIXED_BYTES = 64;
  static final int CHECKSUM_AT = 60;
  static final int PIECE_BYTES = 56;

  /** Bounds the head; its documents are those of a GGUF file or of a tokenizer. */
  static final int MAX_HEAD_BYTES = 384 << 20;

  /** As much as a tokenizer may have. */
  static final int MAX_DOCUMENT_BYTES = 64 << 20;

  static final int MAX_NAME_BYTES = 64;
  static final String CONFIG = "config.json";
  static final String GENERATION_CONFIG = "generation_config.json";

  /**
   * The key-value pairs of the GGUF file that a model came from, as a GGUF file without tensors.
   */
  static final String METADATA = "metadata.gguf";

  private PackedFormat() {}

  /**
   * Whether a path names a packed file: by its first bytes, or, damaged ones too, by its ending,
   * unless the first bytes are those of a GGUF file.
   */
  static boolean isPacked(Path file) {
    if (!Files.isRegularFile(file)) {
      return false;
    }
    return file.toString().toLowerCase(Locale.ROOT).endsWith(ENDING)
        ? !GgufParts.beginsAsGguf(file)
        : FirstBytes.are(file, MAGIC);
  }

  /** The checksum of a head, whatever its checksum field holds. */
  static int checksum(ByteBuffer head) {
    CRC32C crc = new CRC32C();
    crc.update(head.slice(0, CHECKSUM_AT));
    crc.update(new byte[Integer.BYTES]);
    crc.update(head.slice(FIXED_BYTES, head.limit() - FIXED_BYTES));
    return (int) crc.getValue();
  }

  /** {@link #ORDER} as this machine's pieces have it. */
  static int nativeOrder() {
    return ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN ? ORDER : Integer.reverseBytes(ORDER);
  }

  /** The next multiple of the alignment. */
  static long aligned(long bytes) {
    return (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }
}
