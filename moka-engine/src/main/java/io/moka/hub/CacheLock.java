package io.moka.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;

/**
 * The right to change one blob, among all processes that use the cache, huggingface_hub's too. The
 * file of a lock stays when the lock ends: who waits for it has it open.
 */
final class CacheLock implements AutoCloseable {
  private static final Duration BETWEEN_TRIES = Duration.ofMillis(100);

  private final Ending ending;

  private CacheLock(Ending ending) {
    this.ending = ending;
  }

  /** How a lock is given back. */
  private interface Ending {
    void end() throws IOException;
  }

  /**
   * Waits for the lock.
   *
   * @param file its file, made where it is not there
   * @param pause how to wait
   * @param onWait called once where somebody else has it
   */
  static CacheLock acquire(Path file, Backoff.Pause pause, Runnable onWait)
      throws IOException, InterruptedException {
    Optional<CacheLock> lock = tryAcquire(file);
    if (lock.isEmpty()) {
      onWait.run();
    }
    while (lock.isEmpty()) {
      pause.sleep(BETWEEN_TRIES);
      lock = tryAcquire(file);
    }
    return lock.get();
  }

  /** Takes the lock; empty where somebody else has it, in this process or in another. */
  static Optional<CacheLock> tryAcquire(Path file) throws IOException {
    Files.createDirectories(file.getParent());
    FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, LinkOption.NOFOLLOW_LINKS);
    try {
      if (Flock.isKnown()) {
        channel.close();
        return Flock.tryLock(file).map(lock -> new CacheLock(lock::unlock));
      }
      FileLock lock = channel.tryLock();
      if (lock != null) {
        return Optional.of(new CacheLock(channel::close));
      }
    } catch (OverlappingFileLockException _) {
      // of this process: held, like any other
    } catch (IOException e) {
      channel.close();
      throw e;
    }
    channel.close();
    return Optional.empty();
  }

  @Override
  public void close() throws IOException {
    ending.end();
  }
}
