package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import io.moka.kernels.FloatMath;
import io.moka.kernels.cpu.GroupProducts;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class GateCallsTest {
  private static final int WIDTH = 32;

  /** Where the exponential changes its ways, and what is no number. */
  private static final float[] EDGES = {
    0,
    -0f,
    1,
    -1,
    87.33f,
    -87.33f,
    88.02f,
    -88.02f,
    Math.nextUp(88.02f),
    -Math.nextUp(88.02f),
    87.4f,
    -87.4f,
    90,
    -90,
    1e30f,
    -1e30f,
    Float.MAX_VALUE,
    -Float.MAX_VALUE,
    Float.MIN_VALUE,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY,
    Float.NaN
  };

  private final Arena arena = Arena.ofShared();

  @AfterEach
  void release() {
    arena.close();
  }

  private static GateFunctions functions(InstructionSet most) {
    return Processor.ready(GateFunctions.load(Processor.upTo(most)));
  }

  private static float any(SplittableRandom random, double deviation) {
    return random.nextInt(4) == 0
        ? EDGES[random.nextInt(EDGES.length)]
        : (float) random.nextGaussian(0, deviation);
  }

  @ParameterizedTest
  @EnumSource(names = {"AVX2", "AVX512"})
  void joinsGateAndUpBitForBit(InstructionSet most) {
    long seed = 20_261_127;
    SplittableRandom random = new SplittableRandom(seed);
    try (GateFunctions functions = functions(most)) {
      for (int count = 1; count <= GroupProducts.MAX_ROWS; count += 1 + count / 3) {
        MemorySegment sums = arena.allocate(count * GroupProducts.SUM_BYTES, 4);
        float[] expected = new float[count * WIDTH];
        for (int i = 0; i < expected.length; i++) {
          float gate = any(random, 30);
          float up = any(random, 1);
          int item = i / WIDTH;
          int column = i % WIDTH;
          sums.setAtIndex(ValueLayout.JAVA_FLOAT, item * 2L * WIDTH + column, gate);
          sums.setAtIndex(ValueLayout.JAVA_FLOAT, (item * 2L + 1) * WIDTH + column, up);
          expected[i] = FloatMath.silu(gate) * up;
        }
        GateCalls.silu(functions, sums, count);
        float[] actual =
            sums.asSlice(0, expected.length * 4L).toArray(ValueLayout.JAVA_FLOAT_UNALIGNED);
        for (int i = 0; i < expected.length; i++) {
          assertThat(Float.floatToIntBits(actual[i]))
              .as("seed %d, count %d, element %d: %s", seed, count, i, expected[i])
              .isEqualTo(Float.floatToIntBits(expected[i]));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"AVX2", "AVX512"})
  void refusesWhatItMustNotTouch(InstructionSet most) {
    GateFunctions functions = functions(most);
    MemorySegment sums = arena.allocate(2 * GroupProducts.SUM_BYTES, 4);
    assertThatExceptionOfType(IndexOutOfBoundsException.class)
        .isThrownBy(() -> GateCalls.silu(functions, sums, 3));
    assertThatIllegalArgumentException().isThrownBy(() -> GateCalls.silu(functions, sums, 0));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GateCalls.silu(functions, sums.asReadOnly(), 2));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> GateCalls.silu(functions, MemorySegment.ofArray(new float[256]), 2));
    functions.close();
    assertThatIllegalStateException().isThrownBy(() -> GateCalls.silu(functions, sums, 2));
  }
}
