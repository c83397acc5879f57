package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
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
import org.junit.jupiter.params.provider.MethodSource;

/** Every format, every number of rows, against plain loops, bit for bit. */
class Int8CallsTest {
  private static final int ROWS = Int8GroupCode.MAX_ROWS;
  private static final float UNTOUCHED = 12345f;

  private final Arena arena = Arena.ofShared();
  private final Int8Calls calls = new Int8Calls(arena);

  static Stream<WeightFormat> formats() {
    return Arrays.stream(WeightFormat.values()).filter(WeightFormat::isQuantised);
  }

  @AfterEach
  void close() {
    arena.close();
  }

  /** Functions of a format, where this machine can run them; else the test is skipped. */
  static Int8Functions functions(WeightFormat format) {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    Int8Functions.Result result =
        Int8Functions.load(
            format.tiles().orElseThrow(), ((CpuFeatures.Found) detected).features());
    assumeTrue(result instanceof Int8Functions.Ready, result.toString());
    return ((Int8Functions.Ready) result).functions();
  }

  @ParameterizedTest
  @MethodSource("formats")
  void productsEqualPlainLoops(WeightFormat format) {
    TileLayout layout = format.tiles().orElseThrow();
    try (Int8Functions functions = functions(format)) {
      for (int blocks : new int[] {1, 2, 3, 7, 12}) {
        check(functions, layout, blocks * format.blockElements(), blocks);
      }
    }
  }

  private void check(Int8Functions functions, TileLayout layout, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    int groups = 2;
    long groupBytes = PackedMatrix.GROUP_STRIPS * layout.stripBytes(columns);
    MemorySegment weights = arena.allocate(groups * groupBytes, 64);
    PackedOracle.fill(layout, weights, columns, random);
    PackedOracle oracle = new PackedOracle(layout, weights, columns);
    long recordBytes = functions.rec().rowBytes(columns);
    MemorySegment x = arena.allocate(columns * 4L, 4);
    MemorySegment records = arena.allocate(ROWS * recordBytes, 4);
    float[][] expected = new float[ROWS][groups * PackedMatrix.GROUP_ROWS];
    long[] rows = new long[ROWS];
    long[] outs = new long[ROWS];
    for (int row = 0; row < ROWS; row++) {
      float[] values = row(columns, random);
      PackedOracle.Quantised quantised = new PackedOracle.Quantised(values);
      for (int i = 0; i < expected[row].length; i++) {
        expected[row][i] = oracle.product(i, quantised);
      }
      MemorySegment.copy(values, 0, x, ValueLayout.JAVA_FLOAT, 0, columns);
      // neither rows nor results need be in order
      rows[row] = (row * 7 % ROWS) * recordBytes;
      outs[row] = (row * 5 % ROWS) * (Int8Calls.SUM_BYTES + 4);
      calls.quantise(functions, x, 0, columns, records, rows[row]);
    }
    MemorySegment out = arena.allocate(ROWS * (Int8Calls.SUM_BYTES + 4), 4);
    for (int count = 1; count <= ROWS; count++) {
      for (int group = 0; group < groups; group++) {
        fill(out);
        long next = weights.address() + (1 - group) * groupBytes;
        int first = ROWS - count;
        calls.product(
            functions,
            weights,
            group * groupBytes,
            columns,
            next,
            records,
            rows,
            first,
            count,
            out,
            outs);
        for (int row = 0; row < ROWS; row++) {
          for (int i = 0; i <= PackedMatrix.GROUP_ROWS; i++) {
            boolean written = row >= first && i < PackedMatrix.GROUP_ROWS;
            float value =
                written ? expected[row][group * PackedMatrix.GROUP_ROWS + i] : UNTOUCHED;
            float found = out.get(ValueLayout.JAVA_FLOAT, outs[row] + i * 4L);
            if (Float.floatToIntBits(value) != Float.floatToIntBits(found)) {
              assertThat(found)
                  .as(
                      "seed %d, %d columns, %d rows, group %d, row %d, output %d",
                      seed, columns, count, group, row, i)
                  .isEqualTo(value);
            }
          }
        }
      }
    }
  }

  private static void fill(MemorySegment out) {
    for (long i = 0; i < out.byteSize(); i += 4) {
      out.set(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
    }
  }

  /** Values of many sizes, with blocks of zeros and of almost nothing. */
  private static float[] row(int columns, SplittableRandom random) {
    float[] values = new float[columns];
    for (int block = 0; block < columns / 32; block++) {
      float size =
          switch (random.nextInt(8)) {
            case 0 -> 0;
            case 1 -> 1e-37f;
            case 2 -> 1e4f;
            default -> 1;
          };
      for (int i = 0; i < 32; i++) {
        values[block * 32 + i] = size * (float) random.nextDouble(-1, 1);
      }
    }
    return values;
  }
}
