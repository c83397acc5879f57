package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The quantised formats: bytes to numbers against ggml's own values, and the packed layout. */
class QuantisedBlocksTest {
  private static final long SEED = 11;

  static Stream<WeightFormat> quantised() {
    return Stream.of(WeightFormat.values()).filter(WeightFormat::isQuantised);
  }

  @ParameterizedTest
  @MethodSource("quantised")
  void decodesAsGgmlDoes(WeightFormat format) throws IOException {
    Golden golden = Golden.read(format);
    for (String name : List.of("random", "extreme")) {
      byte[] raw = golden.bytes(name + ".raw");
      float[] expected = golden.floats(name + ".values");
      float[] decoded = new float[expected.length];
      MemorySegment data = MemorySegment.ofArray(raw);
      new RowDecoder().decode(format, data, 0, decoded.length, decoded);
      for (int i = 0; i < expected.length; i++) {
        if (!Float.isNaN(expected[i]) || !Float.isNaN(decoded[i])) {
          assertThat(Float.floatToRawIntBits(decoded[i]))
              .as("%s %s[%d], %s and %s", format, name, i, decoded[i], expected[i])
              .isEqualTo(Float.floatToRawIntBits(expected[i]));
        }
      }
    }
  }

  /** Every number of a packed matrix, the rows of the file spread over lanes and strips. */
  @ParameterizedTest
  @MethodSource("quantised")
  void numbersComeBackFromStrips(WeightFormat format) {
    try (Arena arena = Arena.ofConfined()) {
      for (int rows : new int[] {1, 15, 16, 17, 64, 70}) {
        int columns = format.blockElements() * (1 + rows % 3);
        Tensor tensor = random(arena, format, rows, columns);
        PackedMatrix packed = Packer.pack(arena, tensor);
        assertThat(packed.stripBytes() % 64).isZero();
        float[] expected = new float[columns];
        for (int row = 0; row < rows; row++) {
          long offset = format.bytes((long) row * columns);
          new RowDecoder().decode(format, tensor.data(), offset, columns, expected);
          assertSame(format, packed.row(row), expected);
          assertThat(bits(packed.get(row, columns - 1))).isEqualTo(bits(expected[columns - 1]));
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("quantised")
  void joinsGateAndUp(WeightFormat format) {
    try (Arena arena = Arena.ofConfined()) {
      int columns = format.blockElements();
      Tensor gate = random(arena, format, 40, columns);
      Tensor up = random(arena, format, 40, columns);
      JoinedMatrix joined = Packer.join(arena, MatrixView.of(gate), MatrixView.of(up));
      PackedMatrix gateAlone = Packer.pack(arena, gate);
      PackedMatrix upAlone = Packer.pack(arena, up);
      for (int row = 0; row < 40; row++) {
        assertSame(format, joined.packed().row(JoinedMatrix.gateRow(row)), gateAlone.row(row));
        assertSame(format, joined.packed().row(JoinedMatrix.upRow(row)), upAlone.row(row));
      }
    }
  }

  /** The places that {@link TileLayout} draws, written out by hand for one format of each plane. */
  @Test
  void codesLieWhereTheLayoutSays() {
    try (Arena arena = Arena.ofConfined()) {
      int lane = 5;
      for (WeightFormat format :
          List.of(WeightFormat.Q4_0, WeightFormat.Q8_0, WeightFormat.Q5_1, WeightFormat.Q6_K)) {
        Tensor tensor = random(arena, format, 16, format.blockElements());
        PackedMatrix packed = Packer.pack(arena, tensor);
        TileLayout layout = format.tiles().orElseThrow();
        TileLane block = new TileLane();
        byte[] raw = new byte[format.blockBytes()];
        MemorySegment.copy(
            tensor.data(), lane * (long) raw.length, MemorySegment.ofArray(raw), 0, raw.length);
        BlockReader.read(format, raw, 0, block);
        byte[] strip = packed.data().toArray(java.lang.foreign.ValueLayout.JAVA_BYTE);
        for (int column = 0; column < format.blockElements(); column++) {
          int tile = layout.headerBytes() + column / 32 * layout.tileBytes();
          int s = column % 32 / 4;
          int b = lane * 4 + column % 4;
          int stored =
              switch (format) {
                case Q4_0 -> strip[tile + s % 4 * 64 + b] >> s / 4 * 4 & 15;
                case Q8_0 -> strip[tile + s * 64 + b] & 255;
                case Q5_1 ->
                    (strip[tile + s % 4 * 64 + b] >> s / 4 * 4 & 15)
                        | (strip[tile + 256 + b] >> s & 1) << 4;
                case Q6_K ->
                    (strip[tile + s % 4 * 64 + b] >> s / 4 * 4 & 15)
                        | (strip[tile + 256 + s / 4 * 64 + b] >> s % 4 * 2 & 3) << 4;
                default -> throw new AssertionError();
              };
          assertThat(layout.codes().value(stored))
              .as("%s column %d", format, column)
              .isEqualTo(block.code(layout, column));
        }
      }
    }
  }

  @Test
  void refusesHalfBlocks() {
    assertThatThrownBy(
            () -> new PackedMatrix(WeightFormat.Q4_0, 16, 40, MemorySegment.ofArray(new byte[9])))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("40 columns are not whole blocks of 32 of Q4_0");
  }

  private static void assertSame(WeightFormat format, float[] found, float[] expected) {
    for (int i = 0; i < expected.length; i++) {
      assertThat(bits(found[i])).as("%s column %d", format, i).isEqualTo(bits(expected[i]));
    }
  }

  private static int bits(float value) {
    return Float.floatToIntBits(value); // NaNs are alike
  }

  private static Tensor random(Arena arena, WeightFormat format, int rows, int columns) {
    byte[] bytes = new byte[Math.toIntExact(format.bytes((long) rows * columns))];
    new Random(SEED + rows).nextBytes(bytes);
    MemorySegment data = arena.allocate(bytes.length);
    MemorySegment.copy(MemorySegment.ofArray(bytes), 0, data, 0, bytes.length);
    return new Tensor("random", format, List.of((long) rows, (long) columns), data);
  }

  /** A safetensors file with raw blocks and ggml's values of them. */
  private record Golden(JsonNode header, byte[] data) {
    static Golden read(WeightFormat format) throws IOException {
      String name = "/golden/gguf-tiny/blocks/" + format + ".safetensors";
      try (InputStream in = QuantisedBlocksTest.class.getResourceAsStream(name)) {
        byte[] file = in.readAllBytes();
        int length = (int) ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN).getLong();
        String header = new String(file, 8, length, StandardCharsets.UTF_8);
        return new Golden(
            JsonMapper.shared().readTree(header),
            Arrays.copyOfRange(file, 8 + length, file.length));
      }
    }

    byte[] bytes(String name) {
      JsonNode offsets = header.get(name).get("data_offsets");
      return Arrays.copyOfRange(data, offsets.get(0).asInt(), offsets.get(1).asInt());
    }

    float[] floats(String name) {
      byte[] bytes = bytes(name);
      float[] floats = new float[bytes.length / Float.BYTES];
      ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(floats);
      return floats;
    }
  }
}
