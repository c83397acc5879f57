package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.hub.Sizes;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;

/**
 * A file that gets its name when it is whole and on the disk. Until then it lies beside that name;
 * closing it before, and the end of the process by a signal that Java sees, removes it.
 */
final class PartialFile implements AutoCloseable {
  private static final int CHUNK_BYTES = 16 << 20;

  private final Path target;
  private final Path partial;
  private final boolean replace;
  private final FileChannel channel;
  private final Thread remover = new Thread(this::remove, "moka-partial-file");

  private PartialFile(Path target, Path partial, boolean replace, FileChannel channel) {
    this.target = target;
    this.partial = partial;
    this.replace = replace;
    this.channel = channel;
    Runtime.getRuntime().addShutdownHook(remover);
  }

  /** Begins a file that will have so many bytes; what forbids it is found before it is written. */
  static PartialFile create(Path file, boolean replace, long bytes) throws IOException {
    if (Files.isDirectory(file)) {
      throw new ModelException(file + ": is a folder; give the name of a file");
    }
    if (Files.exists(file) && !Files.isRegularFile(file)) {
      throw new ModelException(file + ": is no ordinary file; give another name");
    }
    if (Files.exists(file) && !replace) {
      throw exists(file);
    }
    Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
    if (target.getParent() == null || !Files.isDirectory(target.getParent())) {
      throw new ModelException(
          file + ": cannot be written: there is no such folder; make it first");
    }
    long free = Files.getFileStore(target.getParent()).getUsableSpace();
    if (free < bytes) {
      throw new ModelException(
          "%s: takes %s, and %s are free there; free some, or choose another disk"
              .formatted(file, Sizes.text(bytes), Sizes.text(free)));
    }
    Path partial = PartialName.beside(target);
    return new PartialFile(target, partial, replace, PartialName.open(partial));
  }

  private static ModelException exists(Path file) {
    return new ModelException(file + ": exists; give another name, or --force to replace it");
  }

  /** Writes bytes to their place and adds them to a checksum; any thread may. */
  void write(MemorySegment data, long position, CRC32C crc) throws IOException {
    for (long begin = 0; begin < data.byteSize(); begin += CHUNK_BYTES) {
      ByteBuffer chunk =
          data.asSlice(begin, Math.min(CHUNK_BYTES, data.byteSize() - begin)).asByteBuffer();
      crc.update(chunk.duplicate());
      write(chunk, position + begin);
    }
  }

  void write(ByteBuffer bytes, long position) throws IOException {
    for (long at = position; bytes.hasRemaining(); ) {
      at += channel.write(bytes, at);
    }
  }

  /** Gives the file its name. */
  void complete() throws IOException {
    channel.force(true);
    channel.close();
    if (replace) {
      Files.move(
          partial, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } else {
      name();
    }
    syncFolder();
  }

  /** A second name never replaces what came to bear it meanwhile; renaming would. */
  private void name() throws IOException {
    try {
      Files.createLink(target, partial);
    } catch (FileAlreadyExistsException e) {
      throw exists(target);
    } catch (IOException | UnsupportedOperationException noLinks) {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    }
  }

  /** Without this the name may be lost with the power, never the bytes behind it. */
  private void syncFolder() {
    try (FileChannel folder = FileChannel.open(target.getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    } catch (IOException unsupported) {
      // not every system opens folders
    }
  }

  private void remove() {
    try {
      Files.deleteIfExists(partial);
    } catch (IOException kept) {
      // what stays behind has a name that no reader looks for
    }
  }

  @Override
  public void close() throws IOException {
    try {
      channel.close();
    } finally {
      remove();
      try {
        Runtime.getRuntime().removeShutdownHook(remover);
      } catch (IllegalStateException ending) {
        // the hook runs, or has run
      }
    }
  }
}
