package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class KvCacheTest {
  /** Also: each lies within its own head's strip, and all of them within the layer. */
  @ParameterizedTest
  @EnumSource
  void noTwoElementsShareAByte(KvType type) {
    for (int headDim : new int[] {2, 14, 16, 18, 64}) {
      try (KvCache cache = new KvCache(type, 1, 3, 2, headDim)) {
        assertThat(cache.layer(0).byteSize()).isEqualTo(3 * cache.blockBytes());
        assertThat(cache.blockBytes() % 64).isZero();
        BitSet taken = new BitSet();
        for (int block = 0; block < 3; block++) {
          for (int head = 0; head < 2; head++) {
            for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
              for (int i = 0; i < headDim; i++) {
                take(cache, taken, cache.keyOffset(block, head, slot, i));
                take(cache, taken, cache.valueOffset(block, head, slot, i));
              }
            }
          }
        }
        assertThat(taken.cardinality()).isEqualTo(3 * 2 * 2 * 16 * headDim * type.bytes());
      }
    }
  }

  private static void take(KvCache cache, BitSet taken, long offset) {
    int from = (int) offset;
    int to = from + cache.type().bytes();
    assertThat(taken.get(from, to).isEmpty()).as("bytes %d to %d", from, to).isTrue();
    assertThat((long) to).isLessThanOrEqualTo(cache.layer(0).byteSize());
    taken.set(from, to);
  }

  @Test
  void startsAsZerosAndEndsWithItsOwner() {
    KvCache cache = new KvCache(KvType.F16, 2, 300, 2, 128);
    assertThat(cache.layers()).isEqualTo(2);
    assertThat(cache.blocks()).isEqualTo(300);
    assertThat(cache.kvHeads()).isEqualTo(2);
    assertThat(cache.headDim()).isEqualTo(128);
    MemorySegment layer = cache.layer(1);
    assertThat(layer.get(ValueLayout.JAVA_SHORT, layer.byteSize() - 2)).isZero();
    cache.close();
    assertThatThrownBy(() -> layer.get(ValueLayout.JAVA_SHORT, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  /** Bits by hand: sign, exponent, then the first bits of the fraction, ties to even. */
  @Test
  void roundsToHalves() {
    assertThat(stored(KvType.F16, 1f)).isEqualTo(0x3C00);
    assertThat(stored(KvType.F16, 0x1.002p0f)).isEqualTo(0x3C00);
    assertThat(stored(KvType.F16, 0x1.006p0f)).isEqualTo(0x3C02);
    assertThat(stored(KvType.F16, 0x1.002002p0f)).isEqualTo(0x3C01);
    assertThat(stored(KvType.F16, -0f)).isEqualTo(0x8000);
    assertThat(stored(KvType.F16, 0x1p-24f)).isEqualTo(0x0001);
    assertThat(stored(KvType.F16, 0x1p-25f)).isEqualTo(0x0000);
    assertThat(stored(KvType.F16, 65504f)).isEqualTo(0x7BFF);
    assertThat(stored(KvType.F16, 65520f)).isEqualTo(0x7BFF);
    assertThat(stored(KvType.F16, -1e30f)).isEqualTo(0xFBFF);
    assertThat(stored(KvType.F16, Float.POSITIVE_INFINITY)).isEqualTo(0x7BFF);
    assertThat(stored(KvType.F16, Float.NaN) & 0x7FFF).isGreaterThan(0x7C00);
  }

  @Test
  void roundsToBfloats() {
    assertThat(stored(KvType.BF16, 1f)).isEqualTo(0x3F80);
    assertThat(stored(KvType.BF16, 0x1.01p0f)).isEqualTo(0x3F80);
    assertThat(stored(KvType.BF16, 0x1.03p0f)).isEqualTo(0x3F82);
    assertThat(stored(KvType.BF16, 0x1.010002p0f)).isEqualTo(0x3F81);
    assertThat(stored(KvType.BF16, -0f)).isEqualTo(0x8000);
    assertThat(stored(KvType.BF16, Float.MAX_VALUE)).isEqualTo(0x7F80);
    assertThat(stored(KvType.BF16, Float.NEGATIVE_INFINITY)).isEqualTo(0xFF80);
    float almostInfinite = Float.intBitsToFloat(0x7F80_0001);
    assertThat(stored(KvType.BF16, almostInfinite) & 0x7FFF).isGreaterThan(0x7F80);
    assertThat(stored(KvType.BF16, Float.intBitsToFloat(0x7FFF_FFFF)) & 0x7FFF)
        .isGreaterThan(0x7F80);
  }

  @ParameterizedTest
  @EnumSource
  void readsInTheFormatItStores(KvType type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(8);
      type.put(data, 0, -1.5f);
      assertThat(type.format().get(data, 0)).isEqualTo(-1.5f);
    }
  }

  private static int stored(KvType type, float value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(2);
      type.put(data, 0, value);
      return Short.toUnsignedInt(data.get(ValueLayout.JAVA_SHORT, 0));
    }
  }
}
