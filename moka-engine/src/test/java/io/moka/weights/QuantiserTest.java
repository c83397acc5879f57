package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class QuantiserTest {
  private static final long SEED = 20261126;
  private static final int BLOCK = 32;

  /**
   * Rounding to nearest by hand, with the scale that the absolute maximum gives, as ggml has it.
   */
  private static double errorOfAbsoluteMaximum(float[] block, WeightFormat format) {
    float max = 0;
    for (float value : block) {
      max = Math.abs(value) > Math.abs(max) ? value : max;
    }
    return error(block, half(format == WeightFormat.Q8_0 ? Math.abs(max) / 127 : max / -8), format);
  }

  /** The least error over every scale that a half can be. */
  private static double leastError(float[] block, WeightFormat format) {
    double least = Double.MAX_VALUE;
    for (int bits = 0; bits < 1 << 16; bits++) {
      float scale = Float.float16ToFloat((short) bits);
      if (Float.isFinite(scale)) {
        least = Math.min(least, error(block, scale, format));
      }
    }
    return least;
  }

  private static double error(float[] block, float scale, WeightFormat format) {
    int most = format == WeightFormat.Q8_0 ? 127 : 7;
    int least = format == WeightFormat.Q8_0 ? -127 : -8;
    double sum = 0;
    for (float value : block) {
      double code = scale == 0 ? 0 : Math.clamp(Math.rint((double) value / scale), least, most);
      sum += Math.pow(value - scale * code, 2);
    }
    return sum;
  }

  private static float half(float value) {
    return Float.float16ToFloat(Float.floatToFloat16(value));
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q8_0"})
  void comesNearTheBestOfAllScales(WeightFormat format) {
    Random random = new Random(SEED);
    double found = 0;
    double best = 0;
    double plain = 0;
    double worst = 0;
    for (int i = 0; i < 400; i++) {
      float[] block = block(random, i);
      double error = quantisedError(block, format);
      double least = leastError(block, format);
      // a code may be the other one of two that are equally near but for rounding
      assertThat(error).as("seed %d, block %d", SEED, i).isGreaterThanOrEqualTo(least * 0.9999);
      found += error / square(block);
      best += least / square(block);
      plain += errorOfAbsoluteMaximum(block, format) / square(block);
      worst = Math.max(worst, least == 0 ? 1 : error / least);
    }
    System.out.printf(
        "seed %d, %s: squared error %.4f of the best possible, at worst %.3f; the absolute maximum"
            + " gives %.3f%n",
        SEED, format, found / best, worst, plain / best);
    assertThat(found / best).isLessThan(format == WeightFormat.Q4_0 ? 1.005 : 1.02);
    assertThat(worst).isLessThan(1.3);
    assertThat(found).isLessThan(plain);
  }

  /** Bell curves, even ones, with outliers, few values, tiny and large ones. */
  private static float[] block(Random random, int kind) {
    float[] block = new float[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      block[i] =
          switch (kind % 6) {
            case 0 -> (float) random.nextGaussian();
            case 1 -> random.nextFloat() - 0.5f;
            case 2 -> (float) (random.nextGaussian() * (i == 7 ? 20 : 1));
            case 3 -> random.nextInt(5) - 2;
            case 4 -> (float) (random.nextGaussian() * 1e-3);
            default -> (float) (Math.exp(random.nextGaussian()) * 100);
          };
    }
    return block;
  }

  private static double square(float[] block) {
    double sum = 0;
    for (float value : block) {
      sum += (double) value * value;
    }
    return sum;
  }

  /** What decoding gives back; the error that the quantiser reports must be the same. */
  private static double quantisedError(float[] block, WeightFormat format) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(format.bytes(BLOCK));
      double relative = Quantiser.quantise(tensor(arena, block, 1), format, out);
      float[] decoded = new float[BLOCK];
      new RowDecoder().decode(format, out, 0, BLOCK, decoded);
      double sum = 0;
      for (int i = 0; i < BLOCK; i++) {
        sum += Math.pow((double) block[i] - decoded[i], 2);
      }
      assertThat(relative * relative * square(block)).isCloseTo(sum, within(1e-6 * square(block)));
      return sum;
    }
  }

  private static Tensor tensor(Arena arena, float[] values, int rows) {
    MemorySegment data = arena.allocate(values.length * 4L);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return new Tensor(
        "t", WeightFormat.F32, List.of((long) rows, (long) values.length / rows), data);
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q8_0"})
  void rowsKeepTheirPlacesAndZerosStayZeros(WeightFormat format) {
    Random random = new Random(SEED);
    float[] values = new float[3 * 96];
    for (int i = 0; i < values.length; i++) {
      values[i] = i / 32 == 4 ? 0 : (float) random.nextGaussian() * (1 + i / 32);
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(format.bytes(values.length));
      double error = Quantiser.quantise(tensor(arena, values, 3), format, out);
      assertThat(error).isBetween(0.001, 0.1);
      float[] decoded = new float[values.length];
      new RowDecoder().decode(format, out, 0, values.length, decoded);
      for (int i = 0; i < values.length; i++) {
        float step = (1 + i / 32) * (format == WeightFormat.Q4_0 ? 0.6f : 0.04f);
        assertThat(decoded[i]).isBetween(values[i] - step, values[i] + step);
        if (i / 32 == 4) {
          assertThat(decoded[i]).isZero();
        }
      }
    }
  }

  @Test
  void numbersThatTheCodesMeetExactlyStay() {
    float[] values = new float[BLOCK];
    for (int i = 0; i < BLOCK; i++) {
      values[i] = (i % 16 - 8) * 0.25f;
    }
    assertThat(quantisedError(values, WeightFormat.Q4_0)).isZero();
    for (int i = 0; i < BLOCK; i++) {
      values[i] = -values[i];
    }
    assertThat(quantisedError(values, WeightFormat.Q4_0)).isZero();
    for (int i = 0; i < BLOCK; i++) {
      values[i] = (i == 0 ? 127 : 3 * i) * 0.5f;
    }
    assertThat(quantisedError(values, WeightFormat.Q8_0)).isZero();
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q8_0"})
  void numbersBelowEveryHalfBecomeZeros(WeightFormat format) {
    for (float size : new float[] {Float.MIN_VALUE, 1e-40f, 1e-30f, 1e-12f}) {
      float[] block = new float[BLOCK];
      for (int i = 0; i < BLOCK; i++) {
        block[i] = (i - 16) * size;
      }
      assertThat(quantisedError(block, format)).isEqualTo(square(block));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"Q4_0", "Q8_0", "BF16"})
  void whatIsNoNumberIsRefused(WeightFormat format) {
    for (float bad : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
      float[] block = new float[BLOCK];
      block[9] = bad;
      assertThatThrownBy(() -> quantisedError(block, format))
          .isInstanceOf(ArithmeticException.class)
          .hasMessageContaining("it holds " + bad + " in row 0");
    }
    float[] large = new float[BLOCK];
    large[3] = Float.MAX_VALUE;
    assertThatThrownBy(() -> quantisedError(large, format))
        .isInstanceOf(ArithmeticException.class)
        .hasMessageContaining("too large");
  }

  /** By the definition: of the two neighbours the nearer, of two as near the one of even bits. */
  @Test
  void bf16IsRoundedToNearestEven() {
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment out = arena.allocate(Short.BYTES);
      for (int i = 0; i < 200_000; i++) {
        int bits = i % 3 == 0 ? random.nextInt() & 0xFFFF0000 | 0x8000 : random.nextInt();
        float value = Float.intBitsToFloat(bits);
        if (!Float.isFinite(value) || Math.abs(value) > 3.38e38f) {
          continue;
        }
        Quantiser.quantise(tensor(arena, new float[] {value}, 1), WeightFormat.BF16, out);
        float rounded = WeightFormat.BF16.get(out, 0);
        float below = Float.intBitsToFloat(bits & 0xFFFF0000);
        float above = Float.intBitsToFloat((bits & 0xFFFF0000) + 0x10000);
        double toBelow = Math.abs((double) value - below);
        double toAbove = Math.abs((double) above - value);
        boolean even = (bits >>> 16 & 1) == 0;
        float expected = toBelow < toAbove || toBelow == toAbove && even ? below : above;
        assertThat(rounded).isEqualTo(expected);
        if (i % 1000 == 0) {
          assertThat(Float.floatToRawIntBits(rounded) & 0xFFFF).isZero();
        }
      }
    }
  }
}
