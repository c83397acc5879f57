package io.moka.engine;

/**
 * Hands out the blocks of a cache and counts who holds them. Freed blocks come back last in, first
 * out, so that a short run touches little memory.
 */
public final class BlockAllocator {
  private final int[] free; // a stack; the top is handed out next
  private final int[] holders; // by block
  private int freeCount;

  /**
   * All blocks free.
   *
   * @param blocks how many the cache has
   */
  public BlockAllocator(int blocks) {
    free = new int[blocks];
    holders = new int[blocks];
    freeCount = blocks;
    for (int i = 0; i < blocks; i++) {
      free[i] = blocks - 1 - i;
    }
  }

  /**
   * Blocks in all.
   *
   * @return free ones and held ones
   */
  public int total() {
    return free.length;
  }

  /**
   * Blocks that nobody holds.
   *
   * @return the count
   */
  public int available() {
    return freeCount;
  }

  /**
   * Hands out a block, held once.
   *
   * @return its id
   * @throws IllegalStateException when none is free
   */
  public int allocate() {
    if (freeCount == 0) {
      throw new IllegalStateException("none of " + free.length + " cache blocks is free");
    }
    int block = free[--freeCount];
    holders[block] = 1;
    return block;
  }

  /**
   * Adds a holder to a block that is held.
   *
   * @param block its id
   * @throws IllegalStateException when it is free
   */
  public void retain(int block) {
    requireHeld(block);
    holders[block]++;
  }

  /**
   * Takes a holder away; the last one's block is free.
   *
   * @param block its id
   * @throws IllegalStateException when it is free already
   */
  public void release(int block) {
    requireHeld(block);
    if (--holders[block] == 0) {
      free[freeCount++] = block;
    }
  }

  private void requireHeld(int block) {
    if (holders[block] == 0) {
      throw new IllegalStateException("cache block " + block + " is free");
    }
  }
}
