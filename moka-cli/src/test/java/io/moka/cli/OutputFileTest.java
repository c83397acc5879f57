package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.MokaException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputFileTest {
  @TempDir private Path folder;

  @Test
  void replacesAFileOnlyWhenComplete() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    try (OutputFile output = OutputFile.create(file)) {
      output.write(ByteBuffer.wrap(new byte[] {'n', 'e', 'w'}));
      assertThat(file).hasContent("old");
    }
    assertThat(names()).containsExactly("file");
    assertThat(file).hasContent("old");
    try (OutputFile output = OutputFile.create(file)) {
      output.write(ByteBuffer.wrap(new byte[] {'n', 'e', 'w'}));
      output.complete();
    }
    assertThat(names()).containsExactly("file");
    assertThat(file).hasContent("new");
  }

  @Test
  void writesThroughALink() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "old");
    Path link = Files.createSymbolicLink(folder.resolve("link"), file);
    try (OutputFile output = OutputFile.create(link)) {
      output.write(ByteBuffer.wrap(new byte[] {'n', 'e', 'w'}));
      output.complete();
    }
    assertThat(link).isSymbolicLink();
    assertThat(file).hasContent("new");
  }

  @Test
  void leavesDevicesWhatTheyAre() {
    Path device = Path.of("/dev/null");
    if (Files.isWritable(device)) {
      try (OutputFile output = OutputFile.create(device)) {
        output.write(ByteBuffer.wrap(new byte[] {1}));
        output.complete();
      }
      assertThat(Files.isRegularFile(device)).isFalse();
      assertThat(device).exists();
    }
  }

  @Test
  void saysWhyItCannotBeWrittenWithoutItsOtherName() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "");
    assertThatThrownBy(() -> OutputFile.create(file.resolve("below")))
        .isInstanceOf(MokaException.class)
        .hasMessageContaining("below: cannot be written: not a directory")
        .hasMessageNotContainingAny(".part", "Exception");
    Path full = Path.of("/dev/full");
    Assumptions.assumeTrue(Files.isWritable(full), "there is no /dev/full");
    try (OutputFile output = OutputFile.create(full)) {
      assertThatThrownBy(() -> output.write(ByteBuffer.wrap(new byte[1])))
          .isInstanceOf(MokaException.class)
          .hasMessage("/dev/full: cannot be written: no space left on device");
    }
  }

  @Test
  void namesMayBeAsLongAsTheSystemTakes() throws IOException {
    for (String name : List.of("x".repeat(255), "\u00e4".repeat(127), "\ud83d\ude00".repeat(63))) {
      try (OutputFile output = OutputFile.create(folder.resolve(name))) {
        output.write(ByteBuffer.wrap(new byte[] {'n', 'e', 'w'}));
        output.complete();
      }
      assertThat(names()).containsExactly(name);
      Files.delete(folder.resolve(name));
    }
    assertThatThrownBy(() -> OutputFile.create(folder.resolve("x".repeat(256))))
        .isInstanceOf(MokaException.class)
        .hasMessageContaining("cannot be written: file name too long");
    assertThat(names()).isEmpty();
  }

  private List<String> names() throws IOException {
    try (var files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).toList();
    }
  }
}
