package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Products by tiles against plain loops, bit for bit. */
class AmxInt8CallsTest {
  private static final int MAX_ROWS = GroupProducts.MAX_ROWS;
  private static final float UNTOUCHED = 12345f;

  private final Arena arena = Arena.ofShared();

  static Stream<WeightFormat> formats() {
    return Arrays.stream(WeightFormat.values())
        .filter(format -> format.tiles().map(AmxInt8Code::supports).orElse(false));
  }

  @AfterEach
  void close() {
    arena.close();
  }

  /** What the processor has; without tiles that may be used the test is skipped. */
  static CpuFeatures features() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    CpuFeatures features = ((CpuFeatures.Found) detected).features();
    String missing = features.missing(AmxInt8Functions.NEEDED);
    assumeTrue(missing.isEmpty(), "no " + missing);
    Optional<String> refusal = TilePermission.request();
    assumeTrue(refusal.isEmpty(), refusal.toString());
    return features;
  }

  private static AmxInt8Functions functions(WeightFormat format) {
    Availability<AmxInt8Functions> result =
        AmxInt8Functions.load(format.tiles().orElseThrow(), features());
    if (result instanceof Availability.Ready<AmxInt8Functions> ready) {
      return ready.value();
    }
    return Assumptions.abort(result.toString());
  }

  @ParameterizedTest
  @MethodSource("formats")
  void productsEqualPlainLoops(WeightFormat format) {
    try (AmxInt8Functions functions = functions(format);
        Int8Functions others = Int8CallsTest.functions(format)) {
      for (int blocks : new int[] {1, 2, 3, 7, 8, 13, 16}) {
        // super-blocks have 256 columns, and the smallest matrix takes every number of rows
        int columns = blocks * format.blockElements();
        check(functions, others, columns, blocks, columns > 1024 ? 37 : MAX_ROWS);
      }
    }
  }

  private void check(
      AmxInt8Functions functions, Int8Functions others, int columns, long seed, int mostRows) {
    SplittableRandom random = new SplittableRandom(seed);
    TileLayout layout = functions.layout();
    long groupBytes = PackedMatrix.GROUP_STRIPS * layout.stripBytes(columns);
    MemorySegment weights = arena.allocate(2 * groupBytes, 64);
    PackedOracle.fill(layout, weights, columns, random);
    PackedOracle oracle = new PackedOracle(layout, weights, columns);
    int group = (int) seed % 2;
    float[][] values = new float[mostRows][];
    float[][] expected = new float[mostRows][PackedMatrix.GROUP_ROWS];
    for (int row = 0; row < mostRows; row++) {
      values[row] = Int8CallsTest.row(columns, random);
      PackedOracle.Quantised quantised = new PackedOracle.Quantised(values[row]);
      for (int i = 0; i < PackedMatrix.GROUP_ROWS; i++) {
        expected[row][i] = oracle.product(group * PackedMatrix.GROUP_ROWS + i, quantised);
      }
    }
    MemorySegment chunk = arena.allocate(AmxInt8Calls.chunkBytes(functions), 64);
    MemorySegment out = arena.allocate((MAX_ROWS + 1) * GroupProducts.SUM_BYTES, 4);
    for (int rows = 1; rows <= mostRows; rows += rows < 34 ? 1 : 13) {
      MemorySegment panels = panels(others, values, columns, rows);
      for (long i = 0; i < out.byteSize(); i += 4) {
        out.set(ValueLayout.JAVA_FLOAT, i, UNTOUCHED);
      }
      long next = weights.address();
      AmxInt8Calls.product(
          functions, weights, group * groupBytes, columns, next, panels, 4, rows, out, 0, chunk);
      for (int i = 0; i < (MAX_ROWS + 1) * PackedMatrix.GROUP_ROWS; i++) {
        int row = i / PackedMatrix.GROUP_ROWS;
        float value = row < rows ? expected[row][i % PackedMatrix.GROUP_ROWS] : UNTOUCHED;
        float found = out.get(ValueLayout.JAVA_FLOAT, i * 4L);
        if (Float.floatToIntBits(value) != Float.floatToIntBits(found)) {
          assertThat(found)
              .as("seed %d, %d columns, %d rows, place %d", seed, columns, rows, i)
              .isEqualTo(value);
        }
      }
    }
  }

  /** Panels of 16 rows and a last one, from byte 4 on. */
  private MemorySegment panels(Int8Functions others, float[][] values, int columns, int rows) {
    long rowBytes = others.rec().panelBytes(columns, 1);
    MemorySegment panels = arena.allocate(4 + rows * rowBytes, 4);
    for (int row = 0; row < rows; row++) {
      MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, values[row]);
      int first = row / GroupCode.MAX_ROWS * GroupCode.MAX_ROWS;
      int own = Math.min(GroupCode.MAX_ROWS, rows - first);
      int blocks = columns / ActivationRecord.COLUMNS;
      Int8Calls.quantise(
          others,
          x,
          0,
          0,
          0,
          blocks,
          panels,
          4 + first * rowBytes,
          row - first,
          row - first + 1,
          own);
    }
    return panels;
  }

  /** What machine code would not notice. */
  @Test
  void refusesWhatDoesNotFit() {
    try (AmxInt8Functions functions = functions(WeightFormat.Q4_0)) {
      long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(64);
      MemorySegment w = arena.allocate(group, 64);
      MemorySegment x = arena.allocate(functions.rec().panelBytes(64, 18), 4);
      MemorySegment out = arena.allocate(18 * GroupProducts.SUM_BYTES, 4);
      MemorySegment c = arena.allocate(AmxInt8Calls.chunkBytes(functions), 64);
      MemorySegment less = c.asSlice(0, c.byteSize() - 1);
      MemorySegment heap = MemorySegment.ofArray(new long[(int) group / 8]);
      AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, out, 0, c);
      assertThrown(
          IndexOutOfBoundsException.class,
          () -> AmxInt8Calls.product(functions, w, 64, 64, 0, x, 0, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, -64, 64, 0, x, 0, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 96, 0, x, 0, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 4, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 19, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, out, 4, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, out, -4, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, out, 0, less));
      MemorySegment sealed = out.asReadOnly();
      MemorySegment sealedChunk = c.asReadOnly();
      assertThrown(
          IllegalArgumentException.class,
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 0, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 129, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 0, 0, x, 0, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 48, 0, x, 0, 18, out, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, sealed, 0, c),
          () -> AmxInt8Calls.product(functions, w, 0, 64, 0, x, 0, 18, out, 0, sealedChunk),
          () -> AmxInt8Calls.product(functions, heap, 0, 64, 0, x, 0, 18, out, 0, c));
    }
  }

  private static void assertThrown(Class<?> type, ThrowingCallable... calls) {
    for (ThrowingCallable call : calls) {
      assertThatThrownBy(call).isInstanceOf(type);
    }
  }

  @Test
  void refusesMemoryAndFunctionsThatAreGone() {
    AmxInt8Functions functions = functions(WeightFormat.Q4_0);
    Arena gone = Arena.ofShared();
    long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(32);
    MemorySegment old = gone.allocate(group, 64);
    gone.close();
    MemorySegment w = arena.allocate(group, 64);
    MemorySegment x = arena.allocate(functions.rec().panelBytes(32, 1), 4);
    MemorySegment out = arena.allocate(GroupProducts.SUM_BYTES, 4);
    MemorySegment c = arena.allocate(AmxInt8Calls.chunkBytes(functions), 64);
    assertThatIllegalStateException()
        .isThrownBy(() -> AmxInt8Calls.product(functions, old, 0, 32, 0, x, 0, 1, out, 0, c));
    functions.close();
    assertThatIllegalStateException()
        .isThrownBy(() -> AmxInt8Calls.product(functions, w, 0, 32, 0, x, 0, 1, out, 0, c));
  }

  @Test
  void saysWhatIsMissing() {
    TileLayout layout = WeightFormat.Q8_0.tiles().orElseThrow();
    CpuFeatures old = new CpuFeatures(CpuFeatures.VNNI_512, 6, 85);
    assertThat(AmxInt8Functions.load(layout, old))
        .isEqualTo(new Availability.Unavailable<>("the processor or the system lacks AMX_INT8"));
    CpuFeatures all = new CpuFeatures(Set.copyOf(AmxInt8Functions.NEEDED), 6, 143);
    assertThat(AmxInt8Functions.load(WeightFormat.Q6_K.tiles().orElseThrow(), all))
        .isInstanceOf(Availability.Unavailable.class);
  }
}
