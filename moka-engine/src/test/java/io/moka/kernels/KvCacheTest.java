package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class KvCacheTest {
  /** Also: each lies within its own head's strip, and all of them within the layer. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "Q8")
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
                take(cache, taken, keyOffset(cache, block, head, slot, i));
                take(cache, taken, valueOffset(cache, block, head, slot, i));
              }
            }
          }
        }
        assertThat(taken.cardinality())
            .isEqualTo(3 * 2 * 2 * 16 * headDim * format(type).blockBytes());
      }
    }
  }

  private static FloatStrips strips(KvType type) {
    return (FloatStrips) type.strips();
  }

  private static WeightFormat format(KvType type) {
    return type.format().orElseThrow();
  }

  private static long keyOffset(KvCache cache, int block, int head, int slot, int dimension) {
    return cache.keysOffset(block, head) + strips(cache.type()).keyOffset(slot, dimension);
  }

  private static long valueOffset(KvCache cache, int block, int head, int slot, int dimension) {
    return cache.valuesOffset(block, head) + strips(cache.type()).valueOffset(slot, dimension);
  }

  private static void take(KvCache cache, BitSet taken, long offset) {
    int from = (int) offset;
    int to = from + format(cache.type()).blockBytes();
    assertThat(taken.get(from, to).isEmpty()).as("bytes %d to %d", from, to).isTrue();
    assertThat((long) to).isLessThanOrEqualTo(cache.layer(0).byteSize());
    taken.set(from, to);
  }

  /** One position's numbers as {@link KvCache#store} takes them: not at the memory's beginning. */
  private static MemorySegment row(Arena arena, int headDim, float first) {
    MemorySegment row = arena.allocate((headDim + 1) * 4L, 4);
    for (int i = 0; i < headDim; i++) {
      // a tie, a subnormal, something too large for a half, all of them rounded
      float value = first + i * 0.37f;
      float number =
          switch (i % 7) {
            case 4 -> 0x1.01p0f;
            case 5 -> value * 0x1p-20f;
            case 6 -> -value * 1e6f;
            default -> value;
          };
      row.setAtIndex(ValueLayout.JAVA_FLOAT, i + 1L, number);
    }
    return row;
  }

  /** Element by element as {@link FloatStrips#put} would do it, and no other byte. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "Q8")
  void storesWhereTheOffsetsSay(KvType type) {
    for (int headDim : new int[] {2, 14, 16, 18, 46, 80}) {
      try (Arena arena = Arena.ofConfined();
          KvCache cache = new KvCache(type, 2, 3, 2, headDim);
          KvCache expected = new KvCache(type, 2, 3, 2, headDim)) {
        for (int slot : new int[] {0, 1, 7, 8, 15}) {
          MemorySegment keys = row(arena, headDim, slot + 1);
          MemorySegment values = row(arena, headDim, -slot - 0.5f);
          cache.store(1, 2, 1, slot, keys, 4, values, 4);
          for (int i = 0; i < headDim; i++) {
            float key = keys.getAtIndex(ValueLayout.JAVA_FLOAT, i + 1L);
            float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i + 1L);
            long keyAt = keyOffset(expected, 2, 1, slot, i);
            long valueAt = valueOffset(expected, 2, 1, slot, i);
            FloatStrips.put(format(type), expected.layer(1), keyAt, key);
            FloatStrips.put(format(type), expected.layer(1), valueAt, value);
          }
          for (int layer = 0; layer < 2; layer++) {
            assertThat(cache.layer(layer).mismatch(expected.layer(layer)))
                .as("head width %d, slot %d, layer %d", headDim, slot, layer)
                .isEqualTo(-1);
          }
        }
      }
    }
  }

  /** All that an earlier sequence left is NaN; so is what the target held. */
  @ParameterizedTest
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "Q8")
  void copiesWhatIsSeenAndZeros(KvType type) {
    for (int headDim : new int[] {2, 14, 16, 18, 80}) {
      try (Arena arena = Arena.ofConfined();
          KvCache cache = new KvCache(type, 2, 2, 2, headDim)) {
        long bytes = cache.valuesBytes();
        MemorySegment target = arena.allocate(bytes, 64);
        MemorySegment expected = arena.allocate(bytes, 64);
        for (int first = 0; first < KvCache.BLOCK_TOKENS; first++) {
          for (int end = first + 1; end <= KvCache.BLOCK_TOKENS; end++) {
            cache.layer(1).fill((byte) 0xFF);
            target.fill((byte) 0xFF);
            expected.fill((byte) 0);
            MemorySegment unused = row(arena, headDim, 1);
            for (int slot = first; slot < end; slot++) {
              MemorySegment values = row(arena, headDim, slot + 1);
              cache.store(1, 1, 1, slot, unused, 4, values, 4);
              for (int i = 0; i < headDim; i++) {
                float value = values.getAtIndex(ValueLayout.JAVA_FLOAT, i + 1L);
                FloatStrips.put(format(type), expected, strips(type).valueOffset(slot, i), value);
              }
            }
            cache.copySeenValues(1, cache.valuesOffset(1, 1), first, end, target);
            assertSeen(cache, target, expected, first, end);
          }
        }
      }
    }
  }

  /** Lanes beyond the head's width are nobody's, but unseen slots of theirs are zeros too. */
  private static void assertSeen(
      KvCache cache, MemorySegment target, MemorySegment expected, int first, int end) {
    int lanes = Math.ceilDiv(cache.headDim(), 16) * 16;
    for (int slot = 0; slot < KvCache.BLOCK_TOKENS; slot++) {
      boolean seen = slot >= first && slot < end;
      for (int i = 0; i < (seen ? cache.headDim() : lanes); i++) {
        long at = strips(cache.type()).valueOffset(slot, i);
        float found = format(cache.type()).get(target, at);
        assertThat(Float.floatToRawIntBits(found))
            .as("width %d, seen %d to %d, slot %d, %d", cache.headDim(), first, end, slot, i)
            .isEqualTo(Float.floatToRawIntBits(format(cache.type()).get(expected, at)));
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-2, 0, 1, 15})
  void headsAreStoredInPairsOfDimensions(int headDim) {
    assertThatThrownBy(() -> new KvCache(KvType.F16, 1, 1, 1, headDim))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("head width " + headDim);
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
  @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "Q8")
  void readsInTheFormatItStores(KvType type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(8);
      FloatStrips.put(format(type), data, 0, -1.5f);
      assertThat(format(type).get(data, 0)).isEqualTo(-1.5f);
    }
  }

  private static int stored(KvType type, float value) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment data = arena.allocate(2);
      FloatStrips.put(format(type), data, 0, value);
      return Short.toUnsignedInt(data.get(ValueLayout.JAVA_SHORT, 0));
    }
  }
}
