package io.moka.engine;

import io.moka.kernels.KvCache;
import io.moka.model.Batch;
import java.util.Arrays;

/** One text in ids: its tokens, how many of them the cache holds, and in which blocks. */
final class Sequence implements Batch.BlockTable {
  private int[] ids;
  private int length;
  private int cached;
  private int[] blocks = new int[8];
  private int blockCount;

  Sequence(int[] prompt) {
    ids = prompt.clone();
    length = prompt.length;
  }

  /** Blocks that so many positions take. */
  static int blocksFor(int positions) {
    return (int) (((long) positions + KvCache.BLOCK_TOKENS - 1) / KvCache.BLOCK_TOKENS);
  }

  int length() {
    return length;
  }

  /** Tokens that no step has seen yet. */
  int pending() {
    return length - cached;
  }

  void append(int id) {
    if (length == ids.length) {
      ids = Arrays.copyOf(ids, Math.max(16, 2 * length));
    }
    ids[length++] = id;
  }

  /** Adds the next pending tokens to a step, which is then taken to store their keys and values. */
  void addTo(Batch batch, int count, Batch.Logits logits, BlockAllocator allocator) {
    int wanted = blocksFor(cached + count);
    if (wanted > blocks.length) {
      blocks = Arrays.copyOf(blocks, Math.max(wanted, 2 * blocks.length));
    }
    while (blockCount < wanted) {
      blocks[blockCount++] = allocator.allocate();
    }
    batch.add(ids, cached, count, cached, this, logits);
    cached += count;
  }

  /** Blocks it will still take when it grows to so many tokens. */
  int blocksToReach(int tokens) {
    return Math.max(0, blocksFor(tokens) - blockCount);
  }

  @Override
  public int block(int index) {
    return blocks[index];
  }

  /** Gives all blocks back. */
  void release(BlockAllocator allocator) {
    while (blockCount > 0) {
      allocator.release(blocks[--blockCount]);
    }
    cached = 0;
  }
}
