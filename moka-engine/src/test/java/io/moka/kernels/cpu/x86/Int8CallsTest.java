package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Every format, many numbers of rows, one group and several, against plain loops, bit for bit. */
class Int8CallsTest {
  private static final int GROUPS = 3;

  /** Each that has a function of its own, and with each rest of the loop over many. */
  private static final int[] COUNTS =
      IntStream.concat(IntStream.rangeClosed(1, 20), IntStream.of(37, 42)).toArray();

  private static final int ROWS = COUNTS[COUNTS.length - 1];

  private final Arena arena = Arena.ofShared();

  static Stream<Arguments> formatsAndSteps() {
    return Arrays.stream(WeightFormat.values())
        .filter(WeightFormat::isQuantised)
        .flatMap(format ->
            Arrays.stream(InstructionSet.values()).map(most -> Arguments.of(format, most)));
  }

  @AfterEach
  void close() {
    arena.close();
  }

  /** Functions of a format, where this machine can run them; else the test is skipped. */
  static Int8Functions functions(WeightFormat format) {
    return functions(format, Processor.whole());
  }

  private static Int8Functions functions(WeightFormat format, CpuFeatures features) {
    return Processor.ready(Int8Functions.load(format.tiles().orElseThrow(), features));
  }

  @ParameterizedTest
  @MethodSource("formatsAndSteps")
  void productsEqualPlainLoops(WeightFormat format, InstructionSet most) {
    TileLayout layout = format.tiles().orElseThrow();
    for (CpuFeatures processor : Processor.ofEachFamily(Processor.upTo(most))) {
      try (Int8Functions functions = functions(format, processor)) {
        for (int blocks : new int[] {1, 2, 3, 7, 12}) {
          check(functions, layout, blocks * format.blockElements(), blocks);
        }
      }
    }
  }

  private void check(Int8Functions functions, TileLayout layout, int columns, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long groupBytes = PackedMatrix.GROUP_STRIPS * layout.stripBytes(columns);
    MemorySegment weights = arena.allocate(GROUPS * groupBytes, 64);
    PackedOracle.fill(layout, weights, columns, random);
    PackedOracle oracle = new PackedOracle(layout, weights, columns);
    int tiles = columns / TileLayout.TILE_COLUMNS;
    long rowBytes = functions.rec().panelBytes(columns, 1);
    long stride = (columns + 3L) * Float.BYTES;
    MemorySegment x = arena.allocate((ROWS - 1) * stride + columns * 4L, 4);
    MemorySegment panel = arena.allocate(ROWS * rowBytes + 4, 4);
    MemorySegment again = arena.allocate(ROWS * rowBytes, 4);
    float[][] expected = new float[ROWS][GROUPS * PackedMatrix.GROUP_ROWS];
    for (int row = 0; row < ROWS; row++) {
      float[] values = row(columns, random);
      PackedOracle.Quantised quantised = new PackedOracle.Quantised(values);
      for (int i = 0; i < expected[row].length; i++) {
        expected[row][i] = oracle.product(i, quantised);
      }
      MemorySegment.copy(values, 0, x, ValueLayout.JAVA_FLOAT, row * stride, columns);
    }
    String where = "seed %d, %d columns".formatted(seed, columns);
    GroupSums sums = new GroupSums(arena, ROWS, GROUPS);
    for (int count : COUNTS) {
      if (count > functions.mostRows()) {
        break;
      }
      int first = ROWS - count;
      for (int row = 0; row < count; row++) {
        long from = (first + row) * stride;
        Int8Calls.quantise(functions, x, from, 0, 0, tiles, panel, 4, row, row + 1, count);
      }
      // several rows in a call, and the first block in a call of its own
      int half = (count + 1) / 2;
      for (int row = 0; row < count; row += half) {
        int end = Math.min(count, row + half);
        long from = (first + row) * stride;
        Int8Calls.quantise(functions, x, from, stride, 0, 1, again, 0, row, end, count);
        if (tiles > 1) {
          from += ActivationRecord.COLUMNS * (long) Float.BYTES;
          Int8Calls.quantise(functions, x, from, stride, 1, tiles - 1, again, 0, row, end, count);
        }
      }
      assertThat(panel.asSlice(4, count * rowBytes).mismatch(again.asSlice(0, count * rowBytes)))
          .as("several rows, and parts of them, against one whole row in a call")
          .isEqualTo(-1);
      for (int groups = 1; groups <= GROUPS; groups++) {
        for (int group = 0; group + groups <= GROUPS; group++) {
          MemorySegment out = sums.fresh();
          long at = group * groupBytes;
          long next = weights.address() + (1 - group) * groupBytes;
          Int8Calls.product(functions, weights, at, groups, columns, next, panel, 4, count, out, 0);
          sums.check(expected, first, count, group, groups, where);
        }
      }
    }
  }

  /** Least and greatest codes times activations of 127: where 16 bits would be too few. */
  @ParameterizedTest
  @MethodSource("formatsAndSteps")
  void theLargestSumsAreExact(WeightFormat format, InstructionSet most) {
    TileLayout layout = format.tiles().orElseThrow();
    int columns = 2 * format.blockElements();
    MemorySegment weights =
        arena.allocate(PackedMatrix.GROUP_STRIPS * layout.stripBytes(columns), 64);
    PackedOracle.fill(layout, weights, columns, new SplittableRandom(5));
    PackedOracle oracle = new PackedOracle(layout, weights, columns);
    float[] row = new float[columns];
    MemorySegment x = arena.allocate(columns * 4L, 4);
    MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
    try (Int8Functions functions = functions(format, Processor.upTo(most))) {
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(columns, 1), 4);
      for (int code : new int[] {0x00, 0xFF, 0x77, 0x88}) {
        oracle.fillCodes((byte) code);
        for (float value : new float[] {1, -1}) {
          Arrays.fill(row, value);
          MemorySegment.copy(row, 0, x, ValueLayout.JAVA_FLOAT, 0, columns);
          int tiles = columns / TileLayout.TILE_COLUMNS;
          Int8Calls.quantise(functions, x, 0, 0, 0, tiles, panel, 0, 0, 1, 1);
          Int8Calls.product(functions, weights, 0, 1, columns, 0, panel, 0, 1, out, 0);
          PackedOracle.Quantised quantised = new PackedOracle.Quantised(row);
          for (int output = 0; output < PackedMatrix.GROUP_ROWS; output++) {
            assertThat(out.get(ValueLayout.JAVA_FLOAT, output * 4L))
                .as("codes %x, value %f, output %d", code, value, output)
                .isEqualTo(oracle.product(output, quantised));
          }
        }
      }
    }
  }

  /** Values of many sizes, with blocks of zeros and of almost nothing. */
  static float[] row(int columns, SplittableRandom random) {
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

  /** What machine code would not notice. */
  @Test
  void refusesWhatDoesNotFit() {
    try (Int8Functions functions = functions(WeightFormat.Q4_0)) {
      long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(64);
      MemorySegment weights = arena.allocate(group, 64);
      MemorySegment two = arena.allocate(2 * group, 64);
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(64, 2), 4);
      MemorySegment out = arena.allocate(2 * GroupProducts.SUM_BYTES, 4);
      MemorySegment sealed = out.asReadOnly();
      MemorySegment heap = MemorySegment.ofArray(new long[(int) group / 8]);
      int most = functions.mostRows();
      Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 2, out, 0);
      assertOutOfBounds(
          () -> Int8Calls.product(functions, weights, 64, 1, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, -64, 1, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 96, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 3, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 4, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 2, out, 4),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 2, out, -4),
          () -> Int8Calls.product(functions, weights, 0, 2, 64, 0, panel, 0, 1, out, 0),
          () -> Int8Calls.product(functions, two, 0, 2, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.quantise(functions, out, 260, 0, 0, 2, panel, 0, 0, 1, 1),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, 2, panel, 0, 2, 3, 2),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, 2, panel, 0, 0, 1, 3),
          () -> Int8Calls.quantise(functions, out, 0, 0, 1, 2, panel, 0, 0, 1, 2),
          () -> Int8Calls.quantise(functions, out, 0, 64, 0, 2, panel, 0, 0, 6, 2),
          () -> Int8Calls.quantise(functions, out, 0, 260, 0, 2, panel, 0, 0, 2, 2),
          () -> Int8Calls.quantise(functions, out, 0, 128, 0, 2, panel, 0, 1, 3, 2),
          () -> Int8Calls.quantise(functions, out, 0, Long.MAX_VALUE, 0, 2, panel, 0, 0, 2, 2),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, Integer.MAX_VALUE, panel, 0, 0, 1, 1));
      assertRefused(
          () -> Int8Calls.product(functions, weights, 0, 0, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 65, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 0, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, most + 1, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 0, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 48, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 2, sealed, 0),
          () -> Int8Calls.product(functions, heap, 0, 1, 64, 0, panel, 0, 2, out, 0),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, 0, panel, 0, 0, 1, 1),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, 2, panel, 0, 0, 0, 1),
          () -> Int8Calls.quantise(functions, out, 0, -4, 0, 2, panel, 0, 0, 2, 2),
          () -> Int8Calls.quantise(functions, out, 0, 0, -1, 2, panel, 0, 0, 1, 1),
          () -> Int8Calls.quantise(functions, out, 0, 0, 0, 2, panel, 0, 0, 1, most + 1));
    }
  }

  @Test
  void refusesMemoryThatIsGone() {
    try (Int8Functions functions = functions(WeightFormat.Q4_0)) {
      Arena gone = Arena.ofShared();
      MemorySegment weights = gone.allocate(4 * functions.layout().stripBytes(32), 64);
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(32, 1), 4);
      MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
      gone.close();
      assertThatIllegalStateException()
          .isThrownBy(
              () -> Int8Calls.product(functions, weights, 0, 1, 32, 0, panel, 0, 1, out, 0));
    }
  }

  @Test
  void refusesFunctionsThatAreGone() {
    Int8Functions functions = functions(WeightFormat.Q4_0);
    MemorySegment weights = arena.allocate(4 * functions.layout().stripBytes(32), 64);
    MemorySegment panel = arena.allocate(functions.rec().panelBytes(32, 1), 4);
    MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
    functions.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> Int8Calls.product(functions, weights, 0, 1, 32, 0, panel, 0, 1, out, 0));
  }

  @ParameterizedTest
  @EnumSource
  void aNumberThatIsNotFiniteStaysSo(InstructionSet most) {
    try (Int8Functions functions = functions(WeightFormat.Q8_0, Processor.upTo(most))) {
      TileLayout layout = functions.layout();
      MemorySegment weights = arena.allocate(4 * layout.stripBytes(64), 64);
      PackedOracle.fill(layout, weights, 64, new SplittableRandom(1));
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(64, 1), 4);
      MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
      for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY}) {
        MemorySegment x = arena.allocate(256, 4);
        x.set(ValueLayout.JAVA_FLOAT, 40 * 4, bad);
        Int8Calls.quantise(functions, x, 0, 0, 0, 2, panel, 0, 0, 1, 1);
        Int8Calls.product(functions, weights, 0, 1, 64, 0, panel, 0, 1, out, 0);
        assertThat(Float.isFinite(out.get(ValueLayout.JAVA_FLOAT, 0))).isFalse();
      }
    }
  }

  @Test
  void saysWhatTheProcessorLacks() {
    TileLayout layout = WeightFormat.Q8_0.tiles().orElseThrow();
    CpuFeatures old = new CpuFeatures(Set.of(CpuFeatures.Feature.AVX2), 6, 79);
    assertThat(Int8Functions.load(layout, old))
        .isEqualTo(new Availability.Unavailable<>("the processor or the system lacks F16C, FMA"));
  }

  private static void assertOutOfBounds(ThrowingCallable... calls) {
    for (ThrowingCallable call : calls) {
      assertThatThrownBy(call).isInstanceOf(IndexOutOfBoundsException.class);
    }
  }

  private static void assertRefused(ThrowingCallable... calls) {
    for (ThrowingCallable call : calls) {
      assertThatIllegalArgumentException().isThrownBy(call);
    }
  }
}
