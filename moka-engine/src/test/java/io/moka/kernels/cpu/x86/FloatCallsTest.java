package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every number of rows, one group and several, against chains of fused multiply-adds, bit for bit.
 */
class FloatCallsTest {
  private static final int ROWS = FloatGroupCode.MOST_ROWS;
  private static final int GROUPS = 3;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  private static FloatFunctions functions(WeightFormat format, CpuFeatures features) {
    return Processor.ready(FloatFunctions.load(format, features));
  }

  static Stream<Arguments> formatsAndSteps() {
    return Stream.of(WeightFormat.F32, WeightFormat.F16, WeightFormat.BF16)
        .flatMap(format ->
            Arrays.stream(InstructionSet.values()).map(most -> Arguments.of(format, most)));
  }

  @ParameterizedTest
  @MethodSource("formatsAndSteps")
  void productsEqualPlainLoops(WeightFormat format, InstructionSet most) {
    for (CpuFeatures processor : Processor.ofEachFamily(Processor.upTo(most))) {
      try (FloatFunctions functions = functions(format, processor)) {
        for (int columns : new int[] {1, 2, 7, 96, 97, 101, 333}) {
          check(functions, columns);
        }
      }
    }
  }

  private void check(FloatFunctions functions, int columns) {
    SplittableRandom random = new SplittableRandom(columns);
    WeightFormat format = functions.format();
    int outputs = GROUPS * PackedMatrix.GROUP_ROWS;
    MemorySegment weights = arena.allocate(PackedMatrix.bytes(format, outputs, columns), 64);
    PackedMatrix matrix = new PackedMatrix(format, outputs, columns, weights);
    fillWeights(matrix, random);
    int stride = columns + 3;
    MemorySegment x = arena.allocate((ROWS * stride + 1) * 4L, 4);
    for (int i = 0; i < ROWS * stride; i++) {
      x.set(ValueLayout.JAVA_FLOAT, i * 4L, (float) random.nextDouble(-1, 1));
    }
    long[] offsets = new long[ROWS];
    float[][] expected = new float[ROWS][outputs];
    for (int row = 0; row < ROWS; row++) {
      offsets[row] = row * 5 % ROWS * (long) stride * 4;
      for (int output = 0; output < outputs; output++) {
        float sum = 0;
        for (int column = 0; column < columns; column++) {
          float value = x.get(ValueLayout.JAVA_FLOAT, offsets[row] + column * 4L);
          sum = Math.fma(matrix.get(output, column), value, sum);
        }
        expected[row][output] = sum;
      }
    }
    GroupSums sums = new GroupSums(arena, ROWS, GROUPS);
    MemorySegment table = arena.allocate(FloatCalls.TABLE_BYTES, 8);
    for (int count = 1; count <= functions.mostRows(); count++) {
      int first = ROWS - count;
      for (int groups = 1; groups <= GROUPS; groups++) {
        for (int group = 0; group + groups <= GROUPS; group++) {
          MemorySegment out = sums.fresh();
          long at = group * matrix.groupBytes();
          long next = weights.address();
          FloatCalls.product(
              functions, weights, at, groups, columns, next, x, offsets, first, count, out, 0,
              table);
          sums.check(expected, first, count, group, groups, "seed and columns " + columns);
        }
      }
    }
  }

  /** The last of an odd number of columns is paired with zero. */
  private static void fillWeights(PackedMatrix matrix, SplittableRandom random) {
    for (int row = 0; row < matrix.rows(); row++) {
      for (int column = 0; column < matrix.columns(); column++) {
        long at =
            row / PackedMatrix.STRIP_ROWS * matrix.stripBytes()
                + PackedMatrix.elementOffset(
                    matrix.format(), row % PackedMatrix.STRIP_ROWS, column);
        float value = (float) random.nextDouble(-1, 1);
        switch (matrix.format()) {
          case F32 -> matrix.data().set(ValueLayout.JAVA_FLOAT, at, value);
          case F16 -> matrix.data().set(ValueLayout.JAVA_SHORT, at, Float.floatToFloat16(value));
          default ->
              matrix
                  .data()
                  .set(ValueLayout.JAVA_SHORT, at, (short) (Float.floatToRawIntBits(value) >>> 16));
        }
      }
    }
  }

  @Test
  void refusesWhatDoesNotFit() {
    try (FloatFunctions functions = functions(WeightFormat.BF16, Processor.whole())) {
      MemorySegment w = arena.allocate(4 * 64, 64);
      MemorySegment two = arena.allocate(2 * 4 * 64, 64);
      MemorySegment x = arena.allocate(16, 4);
      MemorySegment out = arena.allocate(2 * GroupProducts.SUM_BYTES, 4);
      MemorySegment table = arena.allocate(FloatCalls.TABLE_BYTES, 8);
      long[] rows = {0, 8, 12, -4};
      FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 0, 2, out, 0, table);
      for (Runnable call :
          new Runnable[] {
            () -> FloatCalls.product(functions, w, 0, 1, 3, 0, x, rows, 0, 1, out, 0, table),
            () -> FloatCalls.product(functions, w, 0, 2, 1, 0, x, rows, 0, 1, out, 0, table),
            () -> FloatCalls.product(functions, two, 0, 2, 1, 0, x, rows, 0, 2, out, 0, table),
            () -> FloatCalls.product(functions, w, 64, 1, 2, 0, x, rows, 0, 1, out, 0, table),
            () -> FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 2, 1, out, 0, table),
            () -> FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 3, 1, out, 0, table),
            () -> FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 3, 2, out, 0, table),
            () -> FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 0, 2, out, 4, table),
            () ->
                FloatCalls.product(
                    functions, w, 0, 1, 1, 0, x, rows, 0, 2, out, 0, table.asSlice(56))
          }) {
        assertThatThrownBy(call::run).isInstanceOf(IndexOutOfBoundsException.class);
      }
      for (int count : new int[] {0, functions.mostRows() + 1}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() ->
                FloatCalls.product(functions, w, 0, 1, 1, 0, x, rows, 0, count, out, 0, table));
      }
      for (int groups : new int[] {0, 65}) {
        assertThatIllegalArgumentException()
            .isThrownBy(() ->
                FloatCalls.product(functions, w, 0, groups, 1, 0, x, rows, 0, 2, out, 0, table));
      }
      assertThatIllegalArgumentException()
          .isThrownBy(
              () -> FloatCalls.product(functions, w, 0, 1, 0, 0, x, rows, 0, 1, out, 0, table));
    }
  }
}
