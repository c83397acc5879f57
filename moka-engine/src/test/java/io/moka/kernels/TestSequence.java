package io.moka.kernels;

import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * Random keys and values of one sequence, and the cache blocks it has.
 *
 * @param shape sizes
 * @param keys [positions, K d]
 * @param values [positions, K d]
 * @param length positions
 * @param blocks ids, in no order
 */
record TestSequence(AttentionShape shape, Rows keys, Rows values, int length, int[] blocks) {
  /** Every cache of a test has two layers; this is the one in use. */
  static final int LAYER = 1;

  /** One whose blocks are {@code length / 16}, rounded up, ids from {@code firstBlock} on. */
  static TestSequence random(
      Arena arena, AttentionShape shape, int length, int firstBlock, Dice dice) {
    int columns = shape.kvHeads() * shape.headDim();
    Rows keys = TestRows.random(arena, length, columns, dice);
    Rows values = TestRows.random(arena, length, columns, dice);
    int[] blocks = dice.permutation(Math.ceilDiv(length, KvCache.BLOCK_TOKENS));
    Arrays.setAll(blocks, i -> blocks[i] + firstBlock);
    return new TestSequence(shape, keys, values, length, blocks);
  }

  static KvCache cache(KvType type, AttentionShape shape, int blocks) {
    return new KvCache(type, LAYER + 1, blocks, shape.kvHeads(), shape.headDim());
  }

  /** A cache that this sequence alone fills. */
  KvCache newCache(KvType type) {
    return cache(type, shape, blocks.length);
  }

  /** Where rows stand: all of them in this sequence. */
  SlotMap at(int... positions) {
    return slots(positions, row -> this);
  }

  /** Which sequence a row belongs to. */
  @FunctionalInterface
  interface Owner {
    TestSequence of(int row);
  }

  static SlotMap slots(int[] positions, Owner owner) {
    return new SlotMap() {
      @Override
      public int position(int row) {
        return positions[row];
      }

      @Override
      public int block(int row, int index) {
        return owner.of(row).blocks[index];
      }
    };
  }

  /** Stores the positions from {@code from} to before {@code to}. */
  void store(Kernels kernels, Arena arena, KvCache cache, int from, int to) {
    int[] positions = new int[to - from];
    Arrays.setAll(positions, i -> from + i);
    kernels.store(
        TestRows.pick(arena, keys, positions),
        TestRows.pick(arena, values, positions),
        cache,
        LAYER,
        at(positions),
        shape,
        positions.length);
  }

  /** Attention of queries that stand at some positions of this sequence. */
  Rows attend(Kernels kernels, Arena arena, KvCache cache, Rows queries, int... positions) {
    Rows out = TestRows.guarded(arena, positions.length, queries.columns());
    kernels.attention(queries, cache, LAYER, at(positions), shape, positions.length, out);
    TestRows.assertGuarded(out, positions.length, shape);
    return out;
  }
}
