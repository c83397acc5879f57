package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.checkpoint.PackedHead.Entry;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.DoubleConsumer;
import java.util.zip.CRC32C;

/** Reads a packed file to its end and compares every piece with its checksum. */
public final class PackedVerifier {
  private static final int CHUNK_BYTES = 4 << 20;

  private PackedVerifier() {}

  /**
   * Verifies a file.
   *
   * @param file a packed file
   * @param progress told the share read, rising to 1
   * @return bytes read
   * @throws ModelException when it does not open, cannot be read, or a piece differs from its
   *     checksum; it names the first one
   */
  public static long verify(Path file, DoubleConsumer progress) {
    List<PackedKey> damaged = new ArrayList<>();
    try (PackedCheckpoint checkpoint = PackedCheckpoint.open(file);
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      Map<PackedKey, Entry> entries = checkpoint.packed().orElseThrow().entries();
      ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK_BYTES);
      long fileBytes = checkpoint.packed().orElseThrow().bytes();
      for (Map.Entry<PackedKey, Entry> piece : entries.entrySet()) {
        Entry entry = piece.getValue();
        long end = PackedFormat.aligned(entry.offset() + entry.bytes());
        if (checksum(channel, entry.offset(), end, buffer) != entry.checksum()) {
          damaged.add(piece.getKey());
        }
        progress.accept(end / (double) fileBytes);
      }
      if (!damaged.isEmpty()) {
        throw PackedHead.damaged(
            file.toString(),
            "%d of %d pieces differ from their checksums, the first is %s"
                .formatted(damaged.size(), entries.size(), damaged.getFirst()));
      }
      return fileBytes;
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  private static int checksum(FileChannel channel, long begin, long end, ByteBuffer buffer)
      throws IOException {
    CRC32C crc = new CRC32C();
    for (long at = begin; at < end; ) {
      buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
      int read = channel.read(buffer, at);
      if (read < 0) {
        throw new EOFException("it became shorter while it was read");
      }
      crc.update(buffer.flip());
      at += read;
    }
    return (int) crc.getValue();
  }
}
