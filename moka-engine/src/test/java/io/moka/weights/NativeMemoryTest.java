package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class NativeMemoryTest {
  @Test
  void allocatesZerosOfAnySize() {
    for (long bytes :
        new long[] {0, 1, 100, 4_096, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20}) {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment data = NativeMemory.allocate(arena, bytes);
        assertThat(data.byteSize()).isEqualTo(bytes);
        assertThat(data.address() % 64).isZero();
        for (long i = 0; i < bytes; i++) {
          if (data.get(ValueLayout.JAVA_BYTE, i) != 0) {
            throw new AssertionError("byte " + i + " of " + bytes);
          }
        }
        data.fill((byte) 1);
      }
    }
  }

  @Test
  void memoryBelongsToItsArena() {
    MemorySegment data;
    try (Arena arena = Arena.ofShared()) {
      data = NativeMemory.allocate(arena, 2 << 20);
      data.set(ValueLayout.JAVA_BYTE, (2 << 20) - 1, (byte) 1);
      MemorySegment open = data;
      assertThatThrownBy(() -> open.get(ValueLayout.JAVA_BYTE, 2 << 20))
          .isInstanceOf(IndexOutOfBoundsException.class);
    }
    MemorySegment closed = data;
    assertThatThrownBy(() -> closed.get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  /** Room that no test machine has, reserved and touched at its ends alone. */
  @Test
  void reservesWithoutTouching() {
    long bytes = 1L << 36;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = NativeMemory.allocate(arena, bytes);
      data.set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 1);
      assertThat(data.get(ValueLayout.JAVA_BYTE, 0)).isZero();
    }
  }

  @Test
  void releasedFilesCanStillBeRead(@TempDir Path folder) throws IOException {
    byte[] content = new byte[3 * 4_096 + 17];
    Arrays.fill(content, (byte) 5);
    Path file = Files.write(folder.resolve("file"), content);
    try (Arena arena = Arena.ofShared();
        FileChannel channel = FileChannel.open(file)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, content.length, arena);
      NativeMemory.release(mapped.asSlice(100, 2 * 4_096));
      NativeMemory.release(mapped);
      assertThat(mapped.toArray(ValueLayout.JAVA_BYTE)).isEqualTo(content);
    }
  }

  @Test
  void releaseLeavesOtherMemoryAlone() {
    byte[] array = new byte[3 * 4_096];
    Arrays.fill(array, (byte) 5);
    NativeMemory.release(MemorySegment.ofArray(array));
    MemorySegment closed;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment data = NativeMemory.allocate(arena, 2 << 20);
      data.fill((byte) 5);
      NativeMemory.release(data);
      NativeMemory.release(data.asReadOnly());
      assertThat(data.get(ValueLayout.JAVA_BYTE, 1 << 20)).isEqualTo((byte) 5);
      closed = data;
    }
    NativeMemory.release(closed);
  }
}
