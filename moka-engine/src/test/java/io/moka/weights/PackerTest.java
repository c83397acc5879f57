package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

class PackerTest {
  private static final long SEED = 7;
  private static final int[][] SHAPES = {
    {1, 1}, {1, 2}, {13, 3}, {16, 16}, {17, 31}, {40, 33}, {63, 32}, {64, 65}, {65, 2}, {257, 48},
    {130, 1}, {3, 300}
  };

  private final Arena arena = Arena.ofShared();
  private final Random random = new Random(SEED);

  static Stream<Arguments> shapes() {
    return Stream.of(WeightFormat.values())
        .filter(format -> !format.isQuantised())
        .flatMap(format -> Stream.of(SHAPES).map(size -> Arguments.of(format, size[0], size[1])));
  }

  @AfterEach
  void close() {
    arena.close();
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void laysOutAsDocumented(WeightFormat format, int rows, int columns) {
    Tensor tensor = tensor(format, rows, columns);
    PackedMatrix packed = Packer.pack(arena, tensor);
    assertThat(packed.rows()).isEqualTo(rows);
    assertThat(packed.columns()).isEqualTo(columns);
    assertThat(packed.data().address() % 64).isZero();
    assertThat(bytes(packed)).isEqualTo(expected(List.of(MatrixView.of(tensor)), rows, columns));
  }

  @ParameterizedTest
  @EnumSource
  void theSidesOfAJoinAreAsIfPackedAlone(WeightFormat format) {
    for (int rows : new int[] {1, 16, 31, 32, 33, 64, 65, 130}) {
      Tensor gate = tensor(format, rows, 256);
      Tensor up = tensor(format, rows, 256);
      JoinedMatrix joined = Packer.join(arena, MatrixView.of(gate), MatrixView.of(up));
      assertThat(bytes(Packer.gate(arena, joined))).isEqualTo(bytes(Packer.pack(arena, gate)));
      assertThat(bytes(Packer.up(arena, joined))).isEqualTo(bytes(Packer.pack(arena, up)));
    }
  }

  @ParameterizedTest
  @MethodSource("shapes")
  void elementsComeBack(WeightFormat format, int rows, int columns) {
    Tensor tensor = tensor(format, rows, columns);
    PackedMatrix packed = Packer.pack(arena, tensor);
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < columns; column++) {
        long element = (long) row * columns + column;
        float stored = format.get(tensor.data(), format.bytes(element));
        assertThat(Float.floatToIntBits(packed.get(row, column)))
            .isEqualTo(Float.floatToIntBits(stored));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void stacksParts(WeightFormat format) {
    List<MatrixView> parts = new ArrayList<>();
    int rows = 0;
    for (int count : new int[] {5, 16, 1, 64, 30, 33}) {
      parts.add(MatrixView.of(tensor(format, count, 33)));
      rows += count;
    }
    PackedMatrix packed = Packer.stack(arena, parts);
    assertThat(packed.rows()).isEqualTo(rows);
    assertThat(bytes(packed)).isEqualTo(expected(parts, rows, 33));
  }

  /** A shard of rows and columns, whose first byte is not even a multiple of four where 16-bit. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void packsShards(WeightFormat format) {
    Tensor whole = tensor(format, 50, 41);
    for (int firstColumn : new int[] {0, 1, 8, 13}) {
      for (int columns : new int[] {1, 2, 7, 16, 28}) {
        MatrixView shard = new MatrixView(whole, 3, 37, firstColumn, columns);
        PackedMatrix packed = Packer.stack(arena, List.of(shard));
        assertThat(bytes(packed))
            .as("columns %d + %d", firstColumn, columns)
            .isEqualTo(expected(List.of(shard), 37, columns));
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void joinsGateAndUp(WeightFormat format) {
    for (int width : new int[] {1, 16, 31, 32, 33, 40, 64, 100}) {
      Tensor gate = tensor(format, width, 19);
      Tensor up = tensor(format, width, 19);
      JoinedMatrix joined = Packer.join(arena, MatrixView.of(gate), MatrixView.of(up));
      assertThat(joined.width()).isEqualTo(width);
      assertThat(joined.packed().rows()).isEqualTo((width + 31) / 32 * 64);
      for (int row = 0; row < joined.packed().rows() / 2; row++) {
        for (int column = 0; column < 19; column++) {
          long element = format.bytes((long) row * 19 + column);
          float gateValue = row < width ? format.get(gate.data(), element) : 0;
          float upValue = row < width ? format.get(up.data(), element) : 0;
          int group = row / 32 * 64 + row % 32;
          assertThat(joined.packed().get(group, column)).isEqualTo(gateValue);
          assertThat(joined.packed().get(group + 32, column)).isEqualTo(upValue);
        }
      }
      assertThat(JoinedMatrix.gateRow(width)).isEqualTo(width / 32 * 64 + width % 32);
      assertThat(JoinedMatrix.upRow(width)).isEqualTo(JoinedMatrix.gateRow(width) + 32);
    }
  }

  @Test
  void joinsShards() {
    Tensor gate = tensor(WeightFormat.F16, 80, 19);
    Tensor up = tensor(WeightFormat.F16, 80, 19);
    MatrixView gateShard = MatrixView.of(gate).rows(40, 40);
    MatrixView upShard = MatrixView.of(up).rows(40, 40);
    JoinedMatrix joined = Packer.join(arena, gateShard, upShard);
    PackedMatrix wholeGate = Packer.pack(arena, gate);
    PackedMatrix wholeUp = Packer.pack(arena, up);
    for (int row = 0; row < 40; row++) {
      assertThat(joined.packed().get(JoinedMatrix.gateRow(row), 18))
          .isEqualTo(wholeGate.get(40 + row, 18));
      assertThat(joined.packed().get(JoinedMatrix.upRow(row), 18))
          .isEqualTo(wholeUp.get(40 + row, 18));
    }
  }

  @Test
  void refusesPartsThatDoNotFit() {
    MatrixView floats = MatrixView.of(tensor(WeightFormat.F32, 4, 6));
    MatrixView halves = MatrixView.of(tensor(WeightFormat.F16, 4, 6));
    MatrixView narrow = MatrixView.of(tensor(WeightFormat.F32, 4, 5));
    MatrixView low = MatrixView.of(tensor(WeightFormat.F32, 3, 6));
    assertThatThrownBy(() -> Packer.stack(arena, List.of(floats, halves)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("F16");
    assertThatThrownBy(() -> Packer.stack(arena, List.of(floats, narrow)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("5 of F32");
    assertThatThrownBy(() -> Packer.join(arena, floats, halves))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Packer.join(arena, floats, narrow))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> Packer.join(arena, floats, low))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("up has 3");
  }

  @Test
  void viewsStayWithinTheirTensorAndTheirView() {
    Tensor tensor = tensor(WeightFormat.F32, 8, 6);
    MatrixView view = new MatrixView(tensor, 2, 4, 1, 5);
    assertThat(view.rows(1, 3)).isEqualTo(new MatrixView(tensor, 3, 3, 1, 5));
    assertThat(view.offsetBytes(1, 2)).isEqualTo((3 * 6 + 3) * 4L);
    List<Runnable> wrong =
        List.of(
            () -> view.rows(1, 4),
            () -> view.rows(-1, 2),
            () -> view.rows(0, 0),
            () -> view.rows(Integer.MAX_VALUE, 2),
            () -> new MatrixView(tensor, 5, 4, 0, 1),
            () -> new MatrixView(tensor, -1, 1, 0, 1),
            () -> new MatrixView(tensor, Integer.MAX_VALUE, 2, 0, 1),
            () -> new MatrixView(tensor, 0, 1, 6, 1),
            () -> new MatrixView(tensor, 0, 1, 0, 0),
            () -> new MatrixView(tensor, 0, 1, -1, 1));
    for (Runnable make : wrong) {
      assertThatThrownBy(make::run).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  @Test
  void packedDataHasTheSizeOfTheLayout() {
    assertThat(PackedMatrix.bytes(WeightFormat.BF16, 65, 3)).isEqualTo(2 * 4 * 2 * 64);
    assertThat(PackedMatrix.bytes(WeightFormat.F32, 64, 2)).isEqualTo(4 * 128);
    MemorySegment data = arena.allocate(100);
    assertThatThrownBy(() -> new PackedMatrix(WeightFormat.F32, 64, 2, data))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("100 bytes");
    PackedMatrix packed = Packer.allocate(arena, WeightFormat.F32, 65, 1);
    assertThatThrownBy(() -> new JoinedMatrix(packed, 33))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("65 rows");
  }

  private Tensor tensor(WeightFormat format, int rows, int columns) {
    byte[] content = new byte[Math.toIntExact(format.bytes((long) rows * columns))];
    random.nextBytes(content);
    MemorySegment data = arena.allocate(content.length + 1L).asSlice(1);
    MemorySegment.copy(content, 0, data, ValueLayout.JAVA_BYTE, 0, content.length);
    // NaN has many bits and compares unequal: clear an exponent bit of every number
    for (int at = format.blockBytes() - 1; at < content.length; at += format.blockBytes()) {
      data.set(ValueLayout.JAVA_BYTE, at, (byte) (content[at] & 0xBF));
    }
    return new Tensor(
        "seed " + SEED, format, List.of((long) rows, (long) columns), data.asReadOnly());
  }

  private static byte[] bytes(PackedMatrix packed) {
    return packed.data().toArray(ValueLayout.JAVA_BYTE);
  }

  /** The layout, byte by byte, as the documentation of {@link PackedMatrix} tells it. */
  private static byte[] expected(List<MatrixView> parts, int rows, int columns) {
    WeightFormat format = parts.getFirst().format();
    int size = format.blockBytes();
    int pairs = (columns + 1) / 2;
    int strips = (rows + 63) / 64 * 4;
    byte[] packed = new byte[strips * pairs * 2 * 16 * size];
    int row = 0;
    for (MatrixView part : parts) {
      for (int i = 0; i < part.rows(); i++, row++) {
        for (int column = 0; column < columns; column++) {
          int pair = (row / 16 * pairs + column / 2) * 2 * 16 * size;
          int within =
              format == WeightFormat.BF16
                  ? (row % 16 * 2 + column % 2) * size
                  : (column % 2 * 16 + row % 16) * size;
          long from =
              ((long) (part.firstRow() + i) * part.tensor().columns() + part.firstColumn() + column)
                  * size;
          MemorySegment.copy(part.data(), ValueLayout.JAVA_BYTE, from, packed, pair + within, size);
        }
      }
    }
    return packed;
  }
}
