package io.moka.cli;

import io.moka.IoReason;
import io.moka.MokaException;
import io.moka.checkpoint.PartialName;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/**
 * A file that appears under its name only when it is complete. What is no ordinary file, a pipe or
 * a device, is written to as it stands.
 */
final class OutputFile implements AutoCloseable {
  private final Path target;
  private final Path written;
  private final FileChannel channel;
  private boolean complete;

  private OutputFile(Path target, Path written, FileChannel channel) {
    this.target = target;
    this.written = written;
    this.channel = channel;
  }

  /**
   * Begins the file.
   *
   * @param file where it shall be
   * @throws MokaException when it cannot be written there
   */
  static OutputFile create(Path file) {
    try {
      if (Files.isDirectory(file)) {
        throw new MokaException(file + ": is a folder; give the name of a file");
      }
      if (Files.exists(file) && !Files.isRegularFile(file)) {
        return new OutputFile(file, file, FileChannel.open(file, StandardOpenOption.WRITE));
      }
      Path target = Files.exists(file) ? file.toRealPath() : file.toAbsolutePath();
      Path temporary = PartialName.beside(target);
      return new OutputFile(target, temporary, PartialName.open(temporary));
    } catch (IOException e) {
      throw failed(file, e);
    }
  }

  /** Appends all that remains in the buffer. */
  void write(ByteBuffer bytes) {
    try {
      while (bytes.hasRemaining()) {
        channel.write(bytes);
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  /** Ends the file; without this call {@link #close} throws away what was written. */
  void complete() {
    try {
      channel.close();
      if (!written.equals(target)) {
        Files.move(
            written, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      }
      complete = true;
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  @Override
  public void close() {
    try {
      channel.close();
      if (!complete && !written.equals(target)) {
        Files.deleteIfExists(written);
      }
    } catch (IOException e) {
      throw failed(target, e);
    }
  }

  private static MokaException failed(Path file, IOException e) {
    if (e instanceof NoSuchFileException) {
      return new MokaException(
          file + ": cannot be written: there is no such folder; make it first", e);
    }
    return new MokaException(file + ": cannot be written: " + IoReason.of(e), e);
  }
}
