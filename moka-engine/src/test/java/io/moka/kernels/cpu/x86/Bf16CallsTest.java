package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.Bf16Oracle;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Set;
import java.util.SplittableRandom;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every number of rows, one group and several, against the definition, bit for bit, subnormal
 * numbers included.
 */
class Bf16CallsTest {
  private static final int ROWS = GroupCode.MAX_ROWS;
  private static final int GROUPS = 3;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  static Bf16Functions functions() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    Availability<Bf16Functions> result =
        Bf16Functions.load(((CpuFeatures.Found) detected).features());
    if (result instanceof Availability.Ready<Bf16Functions> ready) {
      return ready.value();
    }
    return Assumptions.abort(result.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 31, 32, 33, 64, 101, 333})
  void productsEqualTheDefinition(int columns) {
    try (Bf16Functions functions = functions()) {
      // with exponents of every size, subnormal products and sums among them, and with usual ones
      check(functions, columns, 126);
      check(functions, columns, 6);
    }
  }

  private void check(Bf16Functions functions, int columns, int exponents) {
    SplittableRandom random = new SplittableRandom(columns);
    int outputs = GROUPS * PackedMatrix.GROUP_ROWS;
    PackedMatrix matrix = weights(arena, outputs, columns, exponents, random);
    float[][] x = new float[ROWS][columns];
    float[][] expected = new float[ROWS][outputs];
    for (int row = 0; row < ROWS; row++) {
      for (int i = 0; i < columns; i++) {
        x[row][i] = value(exponents, random);
      }
      for (int output = 0; output < outputs; output++) {
        expected[row][output] = Bf16Oracle.dot(matrix, output, x[row]);
      }
    }
    MemorySegment panel = arena.allocate(4 + Bf16Calls.panelBytes(columns, ROWS), 4);
    GroupSums sums = new GroupSums(arena, ROWS, GROUPS);
    for (int count = 1; count <= ROWS; count++) {
      int first = ROWS - count;
      for (int row = 0; row < count; row++) {
        round(functions, x[first + row], panel, row, count, random);
      }
      for (int groups = 1; groups <= GROUPS; groups++) {
        for (int group = 0; group + groups <= GROUPS; group++) {
          MemorySegment out = sums.fresh();
          MemorySegment w = matrix.data();
          long at = group * matrix.groupBytes();
          long next = w.address();
          int shares = groups == 1 ? 1 + random.nextInt(11) : 1;
          int share = random.nextInt(shares);
          Bf16Calls.product(
              functions, w, at, groups, columns, next, share, shares, panel, 4, count, out, 0);
          sums.check(expected, first, count, group, groups, columns + " columns");
        }
      }
    }
  }

  @Test
  void sharesRowsOutEvenly() {
    int[][] expected = {
      {1, 1}, {16, 16}, {17, 9}, {24, 12}, {25, 9}, {32, 11}, {33, 11}, {128, 12}
    };
    try (Bf16Functions functions = functions()) {
      Bf16Products products = new Bf16Products(functions);
      for (int[] pair : expected) {
        assertThat(products.tileRows(pair[0])).as("%d rows", pair[0]).isEqualTo(pair[1]);
      }
    }
  }

  /** In two parts, as the experts' hidden columns come; the same whole numbers of blocks. */
  private void round(
      Bf16Functions functions,
      float[] x,
      MemorySegment panel,
      int row,
      int rows,
      SplittableRandom random) {
    MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    int first = Math.min(x.length, random.nextInt(3) * 32);
    if (first > 0) {
      Bf16RowCalls.fill(functions.round(), 1, floats, 0, 0, 0, first, panel, 4, row, row + 1, rows);
    }
    if (first < x.length) {
      int count = x.length - first;
      Bf16RowCalls.fill(
          functions.round(), 1, floats, first * 4L, 0, first, count, panel, 4, row, row + 1, rows);
    }
  }

  static PackedMatrix weights(
      Arena arena, int outputs, int columns, int exponents, SplittableRandom random) {
    MemorySegment data =
        arena.allocate(PackedMatrix.bytes(WeightFormat.BF16, outputs, columns), 64);
    PackedMatrix matrix = new PackedMatrix(WeightFormat.BF16, outputs, columns, data);
    for (int row = 0; row < outputs; row++) {
      for (int column = 0; column < columns; column++) {
        long strip = row / PackedMatrix.STRIP_ROWS * matrix.stripBytes();
        int lane = row % PackedMatrix.STRIP_ROWS;
        long at = strip + PackedMatrix.elementOffset(WeightFormat.BF16, lane, column);
        int bits = Float.floatToRawIntBits(value(exponents, random));
        data.set(ValueLayout.JAVA_SHORT, at, (short) (bits >>> 16));
      }
    }
    return matrix;
  }

  /** Of a magnitude from 2^-exponents to 2, sometimes subnormal or zero. */
  static float value(int exponents, SplittableRandom random) {
    float value = (float) random.nextDouble(-2, 2);
    return switch (random.nextInt(24)) {
      case 0 -> 0;
      case 1 -> value * 0x1p-127f;
      default -> Math.scalb(value, -random.nextInt(exponents + 1));
    };
  }

  @Test
  void roundsSeveralRowsInACallAsOne() {
    try (Bf16Functions functions = functions()) {
      fillsSeveralRowsInACallAsOne(functions.round(), 1);
    }
  }

  /** The function that AMX needs runs without it, too. */
  @Test
  void splitsSeveralRowsInACallAsOne() {
    Processor.upTo(InstructionSet.AVX512);
    Assembler assembler = new Assembler();
    SplitCode.emit(assembler);
    try (CodeMemory memory = ((CodeMemory.Loaded) CodeMemory.load(assembler.toBytes())).memory()) {
      fillsSeveralRowsInACallAsOne(memory.entry(0), SplitCode.PARTS);
    }
  }

  private void fillsSeveralRowsInACallAsOne(MemorySegment function, int parts) {
    long seed = 20_261_128;
    SplittableRandom random = new SplittableRandom(seed);
    for (int columns : new int[] {31, 32, 64, 70, 129}) {
      for (int rows : new int[] {1, 2, 5, 16}) {
        long stride = (columns + 5L) * Float.BYTES;
        MemorySegment x = arena.allocate((rows - 1) * stride + columns * 4L, 4);
        for (long at = 0; at < x.byteSize(); at += Float.BYTES) {
          x.set(ValueLayout.JAVA_FLOAT, at, (float) random.nextGaussian());
        }
        long bytes = Bf16RowCalls.panelBytes(parts, columns, rows);
        MemorySegment one = arena.allocate(bytes, 4);
        MemorySegment several = arena.allocate(bytes, 4);
        for (int row = 0; row < rows; row++) {
          long from = row * stride;
          Bf16RowCalls.fill(function, parts, x, from, 0, 0, columns, one, 0, row, row + 1, rows);
        }
        int half = (rows + 1) / 2;
        for (int row = 0; row < rows; row += half) {
          int end = Math.min(rows, row + half);
          long from = row * stride;
          Bf16RowCalls.fill(
              function, parts, x, from, stride, 0, columns, several, 0, row, end, rows);
        }
        String where = "seed %d, %d rows of %d columns".formatted(seed, rows, columns);
        assertThat(several.mismatch(one)).as(where).isEqualTo(-1);
        for (int column = 0; column < columns; column++) {
          float value = x.get(ValueLayout.JAVA_FLOAT, (rows - 1) * stride + column * 4L);
          long at = (column / 32 * (long) rows + rows - 1) * parts * 64L + column % 32 * 2L;
          short expected =
              parts == 1 ? (short) (Activations.bf16Bits(value) >>> 16) : SplitCode.part(value, 0);
          assertThat(one.get(ValueLayout.JAVA_SHORT_UNALIGNED, at)).as(where).isEqualTo(expected);
        }
      }
    }
  }

  @Test
  void roundsAsTheDefinition() {
    SplittableRandom random = new SplittableRandom(5);
    float[] x = new float[1 << 14];
    for (int i = 0; i < x.length; i++) {
      // halves of the last place that stays are common
      int bits = random.nextInt() & (random.nextBoolean() ? -1 : 0xFFFF8000);
      x[i] = Float.isNaN(Float.intBitsToFloat(bits)) ? 0 : Float.intBitsToFloat(bits);
    }
    x[0] = Float.MAX_VALUE;
    x[1] = -0x1p-56f;
    x[2] = Math.nextDown(0x1p-56f);
    x[3] = Float.NEGATIVE_INFINITY;
    MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    MemorySegment panel = arena.allocate(Bf16Calls.panelBytes(x.length, 1), 4);
    try (Bf16Functions functions = functions()) {
      Bf16RowCalls.fill(functions.round(), 1, floats, 0, 0, 0, x.length, panel, 0, 0, 1, 1);
    }
    for (int i = 0; i < x.length; i++) {
      int expected = Float.floatToRawIntBits(Bf16Oracle.round(x[i]));
      assertThat(panel.getAtIndex(ValueLayout.JAVA_SHORT, i) << 16)
          .as("%s", x[i])
          .isEqualTo(expected);
      assertThat(Activations.bf16Bits(x[i])).as("%s", x[i]).isEqualTo(expected);
    }
  }

  /** What machine code would not notice. */
  @Test
  void refusesWhatDoesNotFit() {
    try (Bf16Functions functions = functions()) {
      long group = PackedMatrix.GROUP_STRIPS * PackedMatrix.stripBytes(WeightFormat.BF16, 33);
      MemorySegment w = arena.allocate(group, 64);
      MemorySegment two = arena.allocate(2 * group, 64);
      MemorySegment panel = arena.allocate(Bf16Calls.panelBytes(33, 2), 4);
      MemorySegment x = arena.allocate(33 * 4, 4);
      MemorySegment out = arena.allocate(2 * GroupProducts.SUM_BYTES, 4);
      MemorySegment sealed = out.asReadOnly();
      MemorySegment heap = MemorySegment.ofArray(new long[(int) group / 8]);
      Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 2, out, 0);
      Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 33, panel, 0, 1, 2, 2);
      assertOutOfBounds(
          () -> Bf16Calls.product(functions, w, 64, 1, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, w, -64, 1, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 35, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 3, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 4, 2, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 2, out, 4),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 1, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 2, 33, 0, 0, 1, panel, 0, 1, out, 0),
          () -> Bf16Calls.product(functions, two, 0, 2, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 4, 0, 0, 33, panel, 0, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 32, 33, panel, 0, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 33, panel, 4, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 33, panel, 0, 2, 3, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 33, panel, 0, 0, 1, 3));
      assertRefused(
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 0, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 17, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 0, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, two, 0, 0, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, two, 0, 65, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16Calls.product(functions, two, 0, 2, 33, 0, 0, 2, panel, 0, 1, out, 0),
          () -> Bf16Calls.product(functions, w, 0, 1, 33, 0, 0, 1, panel, 0, 2, sealed, 0),
          () -> Bf16Calls.product(functions, heap, 0, 1, 33, 0, 0, 1, panel, 0, 2, out, 0),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 16, 2, panel, 0, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, -32, 2, panel, 0, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 0, panel, 0, 0, 1, 2),
          () ->
              Bf16RowCalls.fill(
                  functions.round(), 1, x, 0, 0, 0, 33, panel.asReadOnly(), 0, 0, 1, 2),
          () -> Bf16RowCalls.fill(functions.round(), 1, x, 0, 0, 0, 33, panel, 0, 0, 1, 17));
    }
  }

  @Test
  void refusesMemoryAndFunctionsThatAreGone() {
    Bf16Functions functions = functions();
    Arena gone = Arena.ofShared();
    MemorySegment old = gone.allocate(1024, 64);
    gone.close();
    MemorySegment w = arena.allocate(1024, 64);
    MemorySegment panel = arena.allocate(64, 4);
    MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
    assertThatIllegalStateException()
        .isThrownBy(() -> Bf16Calls.product(functions, old, 0, 1, 8, 0, 0, 1, panel, 0, 1, out, 0));
    functions.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> Bf16Calls.product(functions, w, 0, 1, 8, 0, 0, 1, panel, 0, 1, out, 0));
  }

  @Test
  void saysWhatTheProcessorLacks() {
    CpuFeatures old = new CpuFeatures(Set.of(CpuFeatures.Feature.AVX512F), 6, 85);
    assertThat(Bf16Functions.load(old))
        .isEqualTo(
            new Availability.Unavailable<>(
                "the processor or the system lacks AVX512VL, AVX512_BF16"));
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
