package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileOracle;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Products by tiles of bf16 against what Intel's manual says, bit for bit. */
class AmxBf16CallsTest {
  private static final int MOST_ROWS = 35;
  private static final float UNTOUCHED = 12345f;

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  private static AmxBf16Functions functions(boolean rounded) {
    CpuFeatures features = AmxInt8CallsTest.features();
    Availability<AmxBf16Functions> result =
        rounded ? AmxBf16Functions.rounded(features) : AmxBf16Functions.exact(features);
    if (result instanceof Availability.Ready<AmxBf16Functions> ready) {
      return ready.value();
    }
    return Assumptions.abort(result.toString());
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 7, 31, 32, 33, 64, 101, 160, 333})
  void productsEqualTheManual(int columns) {
    for (boolean rounded : new boolean[] {true, false}) {
      try (AmxBf16Functions functions = functions(rounded)) {
        // with exponents of every size, subnormal products and sums among them, and with usual ones
        check(functions, columns, 126);
        check(functions, columns, 6);
      }
    }
  }

  private void check(AmxBf16Functions functions, int columns, int exponents) {
    SplittableRandom random = new SplittableRandom(columns);
    PackedMatrix matrix = Bf16CallsTest.weights(arena, 128, columns, exponents, random);
    float[][] x = new float[MOST_ROWS][columns];
    for (float[] row : x) {
      for (int i = 0; i < columns; i++) {
        row[i] = Bf16CallsTest.value(exponents, random);
      }
    }
    MemorySegment rest = arena.allocate(AmxBf16Calls.REST_BYTES, 64);
    MemorySegment out = arena.allocate((MOST_ROWS + 1) * GroupProducts.SUM_BYTES, 4);
    long rowBytes = AmxBf16Calls.panelBytes(functions, columns, 1);
    for (int rows = 1; rows <= MOST_ROWS; rows++) {
      MemorySegment panels = arena.allocate(4 + rows * rowBytes, 4);
      for (int row = 0; row < rows; row++) {
        int first = row / GroupCode.MAX_ROWS * GroupCode.MAX_ROWS;
        int own = Math.min(GroupCode.MAX_ROWS, rows - first);
        toParts(functions, x[row], panels, 4 + first * rowBytes, row - first, own, random);
      }
      for (long i = 0; i < out.byteSize(); i += 4) {
        out.set(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
      }
      int group = rows % 2;
      long at = group * PackedMatrix.GROUP_STRIPS * matrix.stripBytes();
      long next = matrix.data().address();
      AmxBf16Calls.product(
          functions, matrix.data(), at, columns, next, panels, 4, rows, out, 0, rest);
      for (int i = 0; i < (MOST_ROWS + 1) * PackedMatrix.GROUP_ROWS; i++) {
        int row = i / PackedMatrix.GROUP_ROWS;
        int output = group * PackedMatrix.GROUP_ROWS + i % PackedMatrix.GROUP_ROWS;
        float value = row < rows ? expected(functions, matrix, output, x[row]) : UNTOUCHED;
        float found = out.get(ValueLayout.JAVA_FLOAT, i * 4L);
        if (Float.floatToIntBits(value) != Float.floatToIntBits(found)) {
          assertThat(found)
              .as("%d columns, %d rows, row %d, output %d", columns, rows, row, output)
              .isEqualTo(value);
        }
      }
    }
  }

  private static float expected(
      AmxBf16Functions functions, PackedMatrix matrix, int output, float[] x) {
    return functions.parts() == 1
        ? TileOracle.rounded(matrix, output, x)
        : TileOracle.exact(matrix, output, x);
  }

  /** In two calls, as the experts' hidden columns come; the same whole numbers of blocks. */
  private void toParts(
      AmxBf16Functions functions,
      float[] x,
      MemorySegment panels,
      long at,
      int row,
      int rows,
      SplittableRandom random) {
    MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    int first = Math.min(x.length, random.nextInt(3) * 32);
    if (first > 0) {
      Bf16RowCalls.fill(
          functions.toParts(),
          functions.parts(),
          floats,
          0,
          0,
          0,
          first,
          panels,
          at,
          row,
          row + 1,
          rows);
    }
    if (first < x.length) {
      int count = x.length - first;
      Bf16RowCalls.fill(
          functions.toParts(),
          functions.parts(),
          floats,
          first * 4L,
          0,
          first,
          count,
          panels,
          at,
          row,
          row + 1,
          rows);
    }
  }

  @Test
  void theSumOfThePartsIsTheNumber() {
    SplittableRandom random = new SplittableRandom(6);
    float[] x = new float[1 << 14];
    for (int i = 0; i < x.length; i++) {
      float value = Float.intBitsToFloat(random.nextInt());
      // below that the last part would be a subnormal number
      x[i] = Math.abs(value) < 0x1p-100f ? 0 : value;
    }
    x[0] = Float.MAX_VALUE;
    x[1] = Float.NEGATIVE_INFINITY;
    x[2] = Float.intBitsToFloat(0x7F80_0001);
    MemorySegment floats = arena.allocateFrom(ValueLayout.JAVA_FLOAT, x);
    try (AmxBf16Functions functions = functions(false)) {
      MemorySegment panel = arena.allocate(AmxBf16Calls.panelBytes(functions, x.length, 1), 4);
      Bf16RowCalls.fill(
          functions.toParts(), functions.parts(), floats, 0, 0, 0, x.length, panel, 0, 0, 1, 1);
      for (int i = 0; i < x.length; i++) {
        float sum = 0;
        for (int part = SplitCode.PARTS - 1; part >= 0; part--) {
          long at = i / 32 * functions.parts() * 64L + part * 64L + i % 32 * 2L;
          short bits = panel.get(ValueLayout.JAVA_SHORT, at);
          assertThat(bits).isEqualTo(SplitCode.part(x[i], part));
          sum += Float.intBitsToFloat(bits << 16);
        }
        assertThat(sum).isEqualTo(Float.valueOf(x[i]));
      }
    }
  }

  /** What machine code would not notice. */
  @Test
  void refusesWhatDoesNotFit() {
    try (AmxBf16Functions f = functions(false)) {
      long group = PackedMatrix.GROUP_STRIPS * PackedMatrix.stripBytes(WeightFormat.BF16, 33);
      MemorySegment w = arena.allocate(group, 64);
      MemorySegment p = arena.allocate(AmxBf16Calls.panelBytes(f, 33, 18), 4);
      MemorySegment x = arena.allocate(33 * 4, 4);
      MemorySegment out = arena.allocate(18 * GroupProducts.SUM_BYTES, 4);
      MemorySegment r = arena.allocate(AmxBf16Calls.REST_BYTES, 64);
      MemorySegment less = r.asSlice(0, r.byteSize() - 1);
      AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 18, out, 0, r);
      Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 0, 33, p, 0, 1, 2, 16);
      assertThrown(
          IndexOutOfBoundsException.class,
          () -> AmxBf16Calls.product(f, w, 64, 33, 0, p, 0, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, -64, 33, 0, p, 0, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 35, 0, p, 0, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 19, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 4, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 18, out, 4, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 18, out, 0, less),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 4, 0, 0, 33, p, 0, 0, 1, 16),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 64, 33, p, 0, 0, 1, 16),
          () ->
              Bf16RowCalls.fill(
                  f.toParts(), f.parts(), x, 0, 0, 0, 33, p, p.byteSize() - 64, 0, 1, 16),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 0, 33, p, 0, 16, 17, 16));
      MemorySegment sealed = out.asReadOnly();
      MemorySegment heap = MemorySegment.ofArray(new long[(int) group / 8]);
      assertThrown(
          IllegalArgumentException.class,
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 0, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 129, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 0, 0, p, 0, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 18, sealed, 0, r),
          () -> AmxBf16Calls.product(f, heap, 0, 33, 0, p, 0, 18, out, 0, r),
          () -> AmxBf16Calls.product(f, w, 0, 33, 0, p, 0, 18, out, 0, r.asReadOnly()),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 16, 2, p, 0, 0, 1, 16),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, -32, 2, p, 0, 0, 1, 16),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 0, 0, p, 0, 0, 1, 16),
          () ->
              Bf16RowCalls.fill(
                  f.toParts(), f.parts(), x, 0, 0, 0, 33, p.asReadOnly(), 0, 0, 1, 16),
          () -> Bf16RowCalls.fill(f.toParts(), f.parts(), x, 0, 0, 0, 33, p, 0, 0, 1, 17));
    }
  }

  private static void assertThrown(Class<?> type, ThrowingCallable... calls) {
    for (ThrowingCallable call : calls) {
      assertThatThrownBy(call).isInstanceOf(type);
    }
  }

  @Test
  void refusesFunctionsThatAreGone() {
    AmxBf16Functions f = functions(true);
    MemorySegment w = arena.allocate(4096, 64);
    MemorySegment p = arena.allocate(64, 4);
    MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
    MemorySegment r = arena.allocate(AmxBf16Calls.REST_BYTES, 64);
    f.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> AmxBf16Calls.product(f, w, 0, 8, 0, p, 0, 1, out, 0, r));
  }

  @Test
  void saysWhatIsMissing() {
    CpuFeatures old = new CpuFeatures(CpuFeatures.BF16_512, 6, 85);
    assertThat(AmxBf16Functions.exact(old))
        .isEqualTo(
            new Availability.Unavailable<>("the processor or the system lacks AMX_BF16, AVX512BW"));
  }
}
