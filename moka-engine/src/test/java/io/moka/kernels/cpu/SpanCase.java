package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.Activations;
import io.moka.kernels.FloatMath;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.weights.Bf16Oracle;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/** A cache of random numbers, and by plain loops what queries and probabilities make of it. */
final class SpanCase implements AutoCloseable {
  private static final int[] BLOCK_COUNTS = {1, 2, 3, 4, 5, 33};
  private static final int MOST_BLOCKS = 33;
  private static final int CACHE_BLOCKS = 3 * MOST_BLOCKS;
  private static final int KV_HEADS = 2;
  private static final int KV_HEAD = 1;
  private static final int LAYER = 1;
  private static final int BLOCK = SpanProducts.BLOCK;
  private static final int HEADS = SpanProducts.MAX_HEADS;
  private static final int BLOCK_FLOATS = HEADS * BLOCK;
  private static final float SCALE = 0.37f;
  private static final float UNTOUCHED = 12345f;

  /** Where queries, scores and probabilities begin, in floats. */
  private static final int FROM = 5;

  private static final int TO = 32;
  private static final int FIRST_BLOCK = 2;

  /** Nobody may look at what a table says of other blocks. */
  private static final long NO_OFFSET = Long.MIN_VALUE;

  /** How the blocks of a span lie in the cache. */
  private enum Order {
    NEIGHBOURS,
    EQUALLY_SPACED,
    BACKWARDS,
    SCATTERED
  }

  private final Arena arena = Arena.ofShared();
  private final SplittableRandom random;
  private final KvCache cache;
  private final int headDim;
  private final boolean rounds;
  private final int sumsFloats;
  private final Scratch scratch = new Scratch(arena);

  /** A key and a value. */
  private final MemorySegment position;

  private final MemorySegment queries;
  private final MemorySegment probabilities;
  private final MemorySegment scores;
  private final MemorySegment sums;
  private final float[] sumsBefore;

  SpanCase(KvType type, int headDim, Activations activations) {
    this.headDim = headDim;
    rounds = activations.roundsToBf16(type);
    random = new SplittableRandom(headDim);
    cache = new KvCache(type, LAYER + 1, CACHE_BLOCKS, KV_HEADS, headDim);
    sumsFloats = (int) SpanProducts.sumsStride(headDim) / Float.BYTES;
    position = arena.allocate(2 * headDim * 4L, 4);
    for (int block = 0; block < CACHE_BLOCKS; block++) {
      fill(block);
    }
    queries = numbers(FROM + HEADS * headDim);
    probabilities = numbers(FROM + MOST_BLOCKS * BLOCK_FLOATS);
    int blocks = MOST_BLOCKS + SpanProducts.SPARE_BLOCKS;
    scores = arena.allocate((TO + blocks * BLOCK_FLOATS + 1) * 4L, 64);
    sums = numbers(HEADS * sumsFloats + 1);
    sumsBefore = sums.toArray(ValueLayout.JAVA_FLOAT);
  }

  /** The other heads of the cache stay zeros. */
  private void fill(int block) {
    for (int slot = 0; slot < BLOCK; slot++) {
      for (int i = 0; i < headDim; i++) {
        position.setAtIndex(ValueLayout.JAVA_FLOAT, i, number());
        position.setAtIndex(ValueLayout.JAVA_FLOAT, headDim + i, number());
      }
      cache.store(LAYER, block, KV_HEAD, slot, position, 0, position, headDim * 4L);
    }
  }

  private MemorySegment numbers(int count) {
    MemorySegment data = arena.allocate(count * 4L, 64);
    for (int i = 0; i < count; i++) {
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, number());
    }
    return data;
  }

  /**
   * Mostly near one; sometimes a zero of either sign, or subnormal in the type of the cache: where
   * that is flushed by some, below what counts in queries alone.
   */
  private float number() {
    float value = (float) random.nextDouble(-1, 1);
    return switch (random.nextInt(24)) {
      case 0 -> rounds ? 0f : value * 0f;
      case 1 -> Math.scalb(value, -20);
      case 2 -> rounds ? 0x1p-50f : Math.scalb(value, -130);
      default -> value;
    };
  }

  private int[] blocks(Order order) {
    return switch (order) {
      case NEIGHBOURS -> IntStream.range(0, MOST_BLOCKS).map(i -> i + 4).toArray();
      case EQUALLY_SPACED -> IntStream.range(0, MOST_BLOCKS).map(i -> 3 * i).toArray();
      case BACKWARDS -> IntStream.range(0, MOST_BLOCKS).map(i -> CACHE_BLOCKS - 1 - i).toArray();
      case SCATTERED -> {
        int[] all = IntStream.range(0, CACHE_BLOCKS).toArray();
        for (int i = 0; i < MOST_BLOCKS; i++) {
          int other = random.nextInt(i, CACHE_BLOCKS);
          int block = all[other];
          all[other] = all[i];
          all[i] = block;
        }
        yield Arrays.copyOf(all, MOST_BLOCKS);
      }
    };
  }

  void checkScores(SpanProducts products) {
    for (Order order : Order.values()) {
      int[] blocks = blocks(order);
      float[] expected = scores(blocks);
      long[] keys =
          Arrays.stream(blocks).mapToLong(block -> cache.keysOffset(block, KV_HEAD)).toArray();
      for (int count : BLOCK_COUNTS) {
        for (int heads = 1; heads <= HEADS; heads++) {
          MemorySegment.copy(untouched(), 0, scores, 0, scores.byteSize());
          products.scores(
              cache, LAYER, keys, count, queries, FROM * 4L, heads, SCALE, scores, TO * 4L,
              scratch);
          checkScores(expected, count, heads, order);
        }
      }
    }
  }

  void checkWidening(SpanProducts products) {
    try (KvCache floats = new KvCache(KvType.F32, 1, 3, 1, headDim)) {
      for (int block : new int[] {0, 7, CACHE_BLOCKS - 1}) {
        floats.layer(0).fill((byte) -1);
        long keys = cache.keysOffset(block, KV_HEAD);
        long values = cache.valuesOffset(block, KV_HEAD);
        products.widen(cache, LAYER, keys, values, floats, 1);
        for (int slot = 0; slot < BLOCK; slot++) {
          for (int i = 0; i < headDim; i++) {
            String where = "block %d, slot %d, dimension %d";
            float key = cache.key(LAYER, block, KV_HEAD, slot, i);
            float value = cache.value(LAYER, block, KV_HEAD, slot, i);
            same(key, floats.key(0, 1, 0, slot, i), "key, " + where, block, slot, i);
            same(value, floats.value(0, 1, 0, slot, i), "value, " + where, block, slot, i);
            for (int other : new int[] {0, 2}) {
              assertThat(floats.key(0, other, 0, slot, i)).isNaN();
              assertThat(floats.value(0, other, 0, slot, i)).isNaN();
            }
          }
        }
      }
    }
  }

  private MemorySegment untouched() {
    float[] all = new float[(int) scores.byteSize() / 4];
    Arrays.fill(all, UNTOUCHED);
    return MemorySegment.ofArray(all);
  }

  /** [block][head][position], as scores lie. */
  private float[] scores(int[] blocks) {
    float[] expected = new float[blocks.length * BLOCK_FLOATS];
    for (int i = 0; i < expected.length; i++) {
      int block = blocks[i / BLOCK_FLOATS];
      int head = i % BLOCK_FLOATS / BLOCK;
      float sum = 0;
      for (int step = 0; step < headDim; step++) {
        int c = inOrder(step);
        float key = cache.key(LAYER, block, KV_HEAD, i % BLOCK, c);
        sum = Math.fma(taken(query(head, c)), key, sum);
      }
      expected[i] = SCALE * sum;
    }
    return expected;
  }

  /** The odd column of a pair first where inputs are rounded. */
  private int inOrder(int step) {
    return rounds ? step ^ 1 : step;
  }

  private float taken(float input) {
    return rounds ? Bf16Oracle.round(input) : input;
  }

  private float query(int head, int c) {
    return queries.getAtIndex(ValueLayout.JAVA_FLOAT, FROM + head * headDim + c);
  }

  private void checkScores(float[] expected, int blocks, int heads, Order order) {
    float[] found = scores.toArray(ValueLayout.JAVA_FLOAT);
    for (int i = 0; i < found.length; i++) {
      int at = i - TO;
      int block = Math.floorDiv(at, BLOCK_FLOATS);
      boolean result = at >= 0 && block < blocks;
      if (block >= blocks && block < blocks + SpanProducts.SPARE_BLOCKS) {
        continue;
      }
      int head = Math.floorMod(at, BLOCK_FLOATS) / BLOCK;
      float value = result && head < heads ? expected[at] : UNTOUCHED;
      same(value, found[i], "%s, %d blocks, %d heads, float %d", order, blocks, heads, at);
    }
  }

  void checkSums(SpanProducts products) {
    for (Order order : Order.values()) {
      int[] blocks = blocks(order);
      float[][] expected = sums(blocks);
      long[] values = new long[FIRST_BLOCK + MOST_BLOCKS];
      Arrays.fill(values, NO_OFFSET);
      // the values alone, one block after another: memory of another shape than the cache
      long bytes = cache.valueStripBytes() * Math.ceilDiv(headDim, BLOCK);
      MemorySegment copies = arena.allocate(MOST_BLOCKS * bytes, 64);
      long[] inCopies = values.clone();
      for (int i = 0; i < MOST_BLOCKS; i++) {
        values[FIRST_BLOCK + i] = cache.valuesOffset(blocks[i], KV_HEAD);
        inCopies[FIRST_BLOCK + i] = i * bytes;
        MemorySegment.copy(cache.layer(LAYER), values[FIRST_BLOCK + i], copies, i * bytes, bytes);
      }
      for (int count : BLOCK_COUNTS) {
        for (int heads = 1; heads <= HEADS; heads++) {
          checkSums(products, cache.layer(LAYER), values, count, heads, expected[count], order);
          checkSums(products, copies, inCopies, count, heads, expected[count], order);
        }
      }
    }
  }

  /** For each number of blocks [head][dimension], as sums lie. */
  private float[][] sums(int[] blocks) {
    float[][] expected = new float[blocks.length + 1][];
    expected[0] = sumsBefore.clone();
    for (int b = 0; b < blocks.length; b++) {
      expected[b + 1] = expected[b].clone();
      for (int head = 0; head < HEADS; head++) {
        for (int i = 0; i < headDim; i++) {
          float sum = 0;
          for (int step = 0; step < BLOCK; step++) {
            int slot = inOrder(step);
            float value = cache.value(LAYER, blocks[b], KV_HEAD, slot, i);
            sum = Math.fma(taken(probability(b, head, slot)), value, sum);
          }
          expected[b + 1][head * sumsFloats + i] += sum;
        }
      }
    }
    return expected;
  }

  private float probability(int block, int head, int slot) {
    int at = FROM + block * BLOCK_FLOATS + head * BLOCK + slot;
    return probabilities.getAtIndex(ValueLayout.JAVA_FLOAT, at);
  }

  private void checkSums(
      SpanProducts products,
      MemorySegment data,
      long[] values,
      int blocks,
      int heads,
      float[] expected,
      Order order) {
    MemorySegment.copy(sumsBefore, 0, sums, ValueLayout.JAVA_FLOAT, 0, sumsBefore.length);
    products.addValues(
        cache, data, values, FIRST_BLOCK, blocks, probabilities, FROM * 4L, heads, sums, scratch);
    for (int i = 0; i < sumsBefore.length; i++) {
      boolean result = i / sumsFloats < heads;
      if (result && i % sumsFloats >= headDim) {
        continue;
      }
      float value = result ? expected[i] : sumsBefore[i];
      float found = sums.getAtIndex(ValueLayout.JAVA_FLOAT, i);
      same(value, found, "%s, %d blocks, %d heads, float %d", order, blocks, heads, i);
    }
  }

  /** Of random scores, some of them hidden; of far ones, whose exponentials vanish. */
  void checkSoftmax(SpanProducts products) {
    for (int count : BLOCK_COUNTS) {
      for (int heads = 1; heads <= HEADS; heads++) {
        float[] before = new float[count * BLOCK_FLOATS];
        for (int i = 0; i < before.length; i++) {
          before[i] =
              switch (random.nextInt(16)) {
                case 0 -> Float.NEGATIVE_INFINITY;
                case 1 -> (float) random.nextDouble(-200, -80);
                case 2 -> 0f;
                default -> (float) random.nextDouble(-30, 30);
              };
        }
        MemorySegment memory = arena.allocate(before.length * 4L, 64);
        MemorySegment.copy(before, 0, memory, ValueLayout.JAVA_FLOAT, 0, before.length);
        float[] maxima = new float[HEADS];
        float[] totals = new float[HEADS];
        products.softmax(memory, count, heads, maxima, totals, scratch);
        for (int head = 0; head < HEADS; head++) {
          checkSoftmax(before, memory, count, head, head < heads, maxima[head], totals[head]);
        }
      }
    }
  }

  private void checkSoftmax(
      float[] before,
      MemorySegment memory,
      int blocks,
      int head,
      boolean result,
      float maximum,
      float total) {
    float max = Float.NEGATIVE_INFINITY;
    for (int i = 0; i < blocks * BLOCK; i++) {
      max = Math.max(max, before[i / BLOCK * BLOCK_FLOATS + head * BLOCK + i % BLOCK]);
    }
    float[] partial = new float[BLOCK];
    for (int i = 0; i < blocks * BLOCK; i++) {
      int at = i / BLOCK * BLOCK_FLOATS + head * BLOCK + i % BLOCK;
      float expected = result ? FloatMath.exp(before[at] - max) : before[at];
      float found = memory.getAtIndex(ValueLayout.JAVA_FLOAT, at);
      same(expected, found, "softmax, %d blocks, head %d, position %d", blocks, head, i);
      partial[i % BLOCK] += expected;
    }
    for (int width = BLOCK / 2; width > 0; width /= 2) {
      for (int i = 0; i < width; i++) {
        partial[i] += partial[i + width];
      }
    }
    same(result ? max : 0, maximum, "maximum, %d blocks, head %d", blocks, head);
    same(result ? partial[0] : 0, total, "total, %d blocks, head %d", blocks, head);
  }

  private void same(float expected, float found, String place, Object... numbers) {
    if (Float.floatToRawIntBits(expected) != Float.floatToRawIntBits(found)) {
      assertThat(found)
          .as(cache.type() + ", seed and head width " + headDim + ", " + place, numbers)
          .isEqualTo(expected);
      throw new AssertionError("zeros of different signs: " + place.formatted(numbers));
    }
  }

  @Override
  public void close() {
    cache.close();
    arena.close();
  }
}
