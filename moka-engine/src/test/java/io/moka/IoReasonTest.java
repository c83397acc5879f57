package io.moka;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedChannelException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystemLoopException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class IoReasonTest {
  private static final String FILE = "folder/.file.1234.part";

  @Test
  void saysWhatTheSystemMeans() {
    assertThat(IoReason.of(new AccessDeniedException(FILE))).isEqualTo("permission denied");
    assertThat(IoReason.of(new NoSuchFileException(FILE)))
        .isEqualTo("there is no such file or folder");
    assertThat(IoReason.of(new FileAlreadyExistsException(FILE))).isEqualTo("it exists already");
    assertThat(IoReason.of(new NotDirectoryException(FILE))).isEqualTo("it is no folder");
    assertThat(IoReason.of(new FileSystemException(FILE, null, "File name too long")))
        .isEqualTo("file name too long");
    assertThat(IoReason.of(new IOException("No space left on device")))
        .isEqualTo("no space left on device");
    assertThat(IoReason.of(new UncheckedIOException(new AccessDeniedException(FILE))))
        .isEqualTo("permission denied");
    assertThat(IoReason.of(new IOException("RST received"))).isEqualTo("RST received");
  }

  @Test
  void showsNeitherFilesNorClasses() {
    for (IOException e :
        List.of(
            new AccessDeniedException(FILE),
            new NoSuchFileException(FILE),
            new FileSystemException(FILE),
            new FileSystemException(FILE, null, " "),
            new FileSystemException(FILE, FILE, "Invalid cross-device link"),
            new FileSystemLoopException(FILE),
            new ClosedChannelException(),
            new IOException())) {
      assertThat(IoReason.of(e)).isNotBlank().doesNotContain(".part", "Exception", "null");
    }
  }

  @Test
  void namesAnotherFileThanTheOneOfTheMessage() {
    Path cache = Path.of("cache");
    assertThat(IoReason.of(cache, new AccessDeniedException("cache")))
        .isEqualTo("permission denied");
    assertThat(
            IoReason.of(cache, new UncheckedIOException(new AccessDeniedException("cache/refs"))))
        .isEqualTo("cache/refs: permission denied");
    assertThat(IoReason.of(cache, new FileSystemException(null, null, "Read-only file system")))
        .isEqualTo("read-only file system");
  }

  @Test
  void understandsTheSystemsOwnErrors(@TempDir Path folder) {
    Path file = folder.resolve("x".repeat(256));
    IOException e =
        Assertions.catchThrowableOfType(
            IOException.class, () -> Files.writeString(file, "too long a name"));
    assertThat(IoReason.of(file, e)).doesNotContain("xxx", "Exception");
  }
}
