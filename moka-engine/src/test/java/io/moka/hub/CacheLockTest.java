package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheLockTest {
  @TempDir private Path temp;

  @Test
  void isHeldByOne() throws Exception {
    Path file = temp.resolve("folder/x.lock");
    AtomicInteger waits = new AtomicInteger();
    try (CacheLock held = CacheLock.tryAcquire(file).orElseThrow()) {
      assertThat(CacheLock.tryAcquire(file)).isEmpty();
      CacheLock.acquire(
              file,
              _ -> {
                assertThat(waits).hasValue(1);
                close(held);
              },
              waits::incrementAndGet)
          .close();
    }
    assertThat(waits).hasValue(1);
    assertThat(file).exists();
    Optional<CacheLock> again = CacheLock.tryAcquire(file);
    assertThat(again).isPresent();
    again.get().close();
  }

  private static void close(CacheLock lock) {
    try {
      lock.close();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  /** The end of a process ends its lock, also a bad end. */
  @Test
  void seesTheLocksOfOtherPrograms() throws Exception {
    org.junit.jupiter.api.Assumptions.assumeTrue(
        Files.isExecutable(Path.of("/usr/bin/flock")), "there is no program flock here");
    Path file = Files.createFile(temp.resolve("x.lock"));
    Process process =
        new ProcessBuilder(
                "/usr/bin/flock", file.toString(), "sh", "-c", "echo locked; exec cat >/dev/null")
            .start();
    try {
      process.inputReader().readLine();
      assertThat(CacheLock.tryAcquire(file)).isEmpty();
    } finally {
      process.getOutputStream().close();
      process.waitFor();
    }
    try (CacheLock _ = CacheLock.tryAcquire(file).orElseThrow()) {
      Process other = new ProcessBuilder("/usr/bin/flock", "-n", file.toString(), "true").start();
      assertThat(other.waitFor()).isEqualTo(1);
    }
  }

  @Test
  void isNoLink() throws IOException {
    Path other = temp.resolve("other");
    Path link = Files.createSymbolicLink(temp.resolve("x.lock"), other);
    assertThatThrownBy(() -> CacheLock.tryAcquire(link)).isInstanceOf(IOException.class);
    assertThat(other).doesNotExist();
  }
}
