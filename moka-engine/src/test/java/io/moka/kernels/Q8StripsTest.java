package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Numbers by the definition, and where they lie. */
class Q8StripsTest {
  private static final int LAYER = 1;
  private static final int BLOCK = 2;
  private static final int HEAD = 1;

  private static KvCache cache(int headDim) {
    return new KvCache(KvType.Q8, 2, 3, 2, headDim);
  }

  private static MemorySegment floats(Arena arena, float... numbers) {
    return arena.allocateFrom(ValueLayout.JAVA_FLOAT, numbers);
  }

  private static float[] random(int count, SplittableRandom random) {
    float[] numbers = new float[count];
    for (int i = 0; i < count; i++) {
      numbers[i] = Math.scalb((float) random.nextDouble(-1, 1), random.nextInt(-6, 7));
    }
    return numbers;
  }

  /** In doubles: the scale is the largest magnitude over 127 to the nearest half, then codes. */
  private static float rounded(float[] numbers, int index, int group) {
    int first = index / group * group;
    double largest = 0;
    for (int i = first; i < Math.min(numbers.length, first + group); i++) {
      largest = Math.max(largest, Math.abs(numbers[i]));
    }
    float scale = Float.float16ToFloat(Float.floatToFloat16((float) largest / 127));
    float inverse = 1 / scale;
    double code = Math.clamp(Math.rint(numbers[index] * inverse), -127, 127);
    return (float) (code * scale);
  }

  @ParameterizedTest
  @ValueSource(ints = {2, 14, 16, 18, 32, 48, 64, 80, 128})
  void storesByTheDefinition(int headDim) {
    SplittableRandom random = new SplittableRandom(headDim);
    float[][] keys = new float[KvCache.BLOCK_TOKENS][];
    float[][] values = new float[KvCache.BLOCK_TOKENS][];
    try (Arena arena = Arena.ofConfined();
        KvCache cache = cache(headDim)) {
      for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
        keys[slot] = random(headDim, random);
        values[slot] = random(headDim, random);
        MemorySegment key = floats(arena, keys[slot]);
        cache.store(LAYER, BLOCK, HEAD, slot, key, 0, floats(arena, values[slot]), 0);
      }
      for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
        for (int i = 0; i < headDim; i++) {
          assertThat(cache.key(LAYER, BLOCK, HEAD, slot, i))
              .as("seed and head width %d, slot %d, dimension %d of the key", headDim, slot, i)
              .isEqualTo(rounded(keys[slot], i, 32));
          assertThat(cache.value(LAYER, BLOCK, HEAD, slot, i))
              .as("seed and head width %d, slot %d, dimension %d of the value", headDim, slot, i)
              .isEqualTo(rounded(values[slot], i, 16));
        }
      }
      // nothing beside them
      assertThat(sum(cache, BLOCK, HEAD - 1)).isZero();
      assertThat(sum(cache, BLOCK - 1, HEAD)).isZero();
    }
  }

  private static double sum(KvCache cache, int block, int head) {
    double sum = 0;
    for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
      for (int i = 0; i < cache.headDim(); i++) {
        sum += Math.abs(cache.key(LAYER, block, head, slot, i));
        sum += Math.abs(cache.value(LAYER, block, head, slot, i));
      }
    }
    return sum;
  }

  @Test
  void aBlockTakesLittleMoreThanAByteANumber() {
    try (KvCache cache = cache(128)) {
      // 128 codes and 4 scales of a key, 128 and 8 of a value, of 16 positions and 2 heads
      assertThat(cache.blockBytes()).isEqualTo(2 * 16 * (128 + 4 * 2 + 128 + 8 * 2));
    }
  }

  @Test
  void whatIsNotFiniteSpoilsItsGroupAlone() {
    float[] numbers = new float[64];
    numbers[3] = Float.NaN;
    numbers[4] = 1;
    numbers[32] = 2;
    try (Arena arena = Arena.ofConfined();
        KvCache cache = cache(64)) {
      MemorySegment both = floats(arena, numbers);
      cache.store(LAYER, BLOCK, HEAD, 5, both, 0, both, 0);
      assertThat(cache.key(LAYER, BLOCK, HEAD, 5, 4)).isNaN();
      assertThat(cache.key(LAYER, BLOCK, HEAD, 5, 32)).isEqualTo(rounded(numbers, 32, 32));
      assertThat(cache.value(LAYER, BLOCK, HEAD, 5, 0)).isNaN();
      assertThat(cache.value(LAYER, BLOCK, HEAD, 5, 16)).isZero();
    }
  }

  @Test
  void numbersThatNoScaleReachesBecomeTheLargestOrZero() {
    float[] numbers = new float[48];
    numbers[0] = Float.NEGATIVE_INFINITY;
    numbers[1] = 1;
    numbers[16] = 1e30f;
    numbers[32] = 0x1p-40f;
    try (Arena arena = Arena.ofConfined();
        KvCache cache = cache(48)) {
      MemorySegment both = floats(arena, numbers);
      cache.store(LAYER, BLOCK, HEAD, 0, both, 0, both, 0);
      assertThat(cache.value(LAYER, BLOCK, HEAD, 0, 0)).isEqualTo(-127 * 65504f);
      assertThat(cache.value(LAYER, BLOCK, HEAD, 0, 1)).isZero();
      assertThat(cache.value(LAYER, BLOCK, HEAD, 0, 16)).isEqualTo(127 * 65504f);
      assertThat(cache.value(LAYER, BLOCK, HEAD, 0, 32)).isZero();
    }
  }

  /** All that an earlier sequence left is NaN; so is what the target held. */
  @ParameterizedTest
  @ValueSource(ints = {2, 16, 18, 80})
  void copiesWhatIsSeenAndZeros(int headDim) {
    SplittableRandom random = new SplittableRandom(headDim);
    int strips = Math.ceilDiv(headDim, Q8Strips.LANES);
    try (Arena arena = Arena.ofConfined();
        KvCache cache = cache(headDim)) {
      long bytes = cache.valuesBytes();
      MemorySegment target = arena.allocate(bytes, 64);
      for (int first = 0; first < KvCache.BLOCK_TOKENS; first++) {
        for (int end = first + 1; end <= KvCache.BLOCK_TOKENS; end++) {
          cache.layer(LAYER).fill((byte) 0xFF);
          target.fill((byte) 0xFF);
          for (int slot = first; slot < end; slot++) {
            MemorySegment numbers = floats(arena, random(headDim, random));
            cache.store(LAYER, BLOCK, HEAD, slot, numbers, 0, numbers, 0);
          }
          cache.copySeenValues(LAYER, cache.valuesOffset(BLOCK, HEAD), first, end, target);
          for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
            boolean seen = slot >= first && slot < end;
            for (int i = 0; i < (seen ? headDim : strips * Q8Strips.LANES); i++) {
              float expected = seen ? cache.value(LAYER, BLOCK, HEAD, slot, i) : 0;
              assertThat(KvType.Q8.strips().value(target, 0, slot, i))
                  .as("width and seed %d, seen %d to %d, slot %d, %d", headDim, first, end, slot, i)
                  .isEqualTo(expected);
            }
          }
        }
      }
    }
  }
}
