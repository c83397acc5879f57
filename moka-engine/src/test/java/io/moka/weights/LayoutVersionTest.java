package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;

/**
 * Notices that the layout has changed. The fingerprints say nothing about what is right; whoever
 * changes the layout on purpose raises {@link PackedMatrix#LAYOUT_VERSION}, so that packed files of
 * the older one are refused, and writes the new fingerprint beside the new version.
 */
class LayoutVersionTest {
  private static final Map<Integer, Integer> FINGERPRINTS = Map.of(1, 0xD78A12FF, 2, 0xABEBDA64);

  @Test
  void theVersionIsThatOfTheLayout() {
    CRC32C crc = new CRC32C();
    try (Arena arena = Arena.ofConfined()) {
      for (Map.Entry<String, WeightFormat> format : byName().entrySet()) {
        Tensor tensor = tensor(arena, format.getValue(), 75, 512);
        crc.update(Packer.pack(arena, tensor).data().asByteBuffer());
        MatrixView view = MatrixView.of(tensor);
        crc.update(Packer.join(arena, view, view).packed().data().asByteBuffer());
      }
      Tensor odd = tensor(arena, WeightFormat.BF16, 17, 33);
      crc.update(Packer.pack(arena, odd).data().asByteBuffer());
    }
    assertThat(FINGERPRINTS).containsEntry(PackedMatrix.LAYOUT_VERSION, (int) crc.getValue());
  }

  /** A format that is added to the list changes no layout, but it does change this test. */
  private static Map<String, WeightFormat> byName() {
    Map<String, WeightFormat> formats = new TreeMap<>();
    for (WeightFormat format : WeightFormat.values()) {
      formats.put(format.name(), format);
    }
    return formats;
  }

  private static Tensor tensor(Arena arena, WeightFormat format, long rows, long columns) {
    byte[] bytes = new byte[(int) format.bytes(rows * columns)];
    new Random(1).nextBytes(bytes);
    MemorySegment data = arena.allocate(bytes.length);
    MemorySegment.copy(bytes, 0, data, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return new Tensor("t", format, List.of(rows, columns), data);
  }
}
