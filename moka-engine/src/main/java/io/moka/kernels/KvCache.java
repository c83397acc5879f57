package io.moka.kernels;

import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Keys and values of all sequences, in blocks of 16 positions that sequences share out among themselves.
 *
 * <pre>
 * layer = blocks
 * block = for each key/value head:  keys   [d, 16]    a vector lane is a position
 *                                   values [16, d]    a vector lane is a dimension
 * </pre>
 *
 * <p>Its owner closes it; nothing may read it after that.
 */
public final class KvCache implements AutoCloseable {
  /** Positions of a block. */
  public static final int BLOCK_TOKENS = 16;

  private final Arena arena;
  private final MemorySegment[] layers;
  private final KvType type;
  private final int blocks;
  private final int kvHeads;
  private final int headDim;

  /**
   * Allocates a cache of zeros.
   *
   * @param type how numbers are stored
   * @param layers layers of the model
   * @param blocks blocks of 16 positions, each in all layers
   * @param kvHeads K
   * @param headDim d
   */
  public KvCache(KvType type, int layers, int blocks, int kvHeads, int headDim) {
    this.arena = Arena.ofShared();
    this.type = type;
    this.blocks = blocks;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.layers = new MemorySegment[layers];
    for (int layer = 0; layer < layers; layer++) {
      this.layers[layer] = NativeMemory.allocate(arena, blocks * blockBytes());
    }
  }

  /**
   * Bytes that one block takes in one layer.
   *
   * @return the count
   */
  public long blockBytes() {
    return 2L * kvHeads * BLOCK_TOKENS * headDim * type.bytes();
  }

  /**
   * How numbers are stored.
   *
   * @return the type
   */
  public KvType type() {
    return type;
  }

  /**
   * How many blocks there are.
   *
   * @return the count
   */
  public int blocks() {
    return blocks;
  }

  /**
   * The memory of a layer.
   *
   * @param layer from 0
   * @return all its blocks
   */
  public MemorySegment layer(int layer) {
    return layers[layer];
  }

  /**
   * Where the keys of a block and head begin in {@link #layer}.
   *
   * @param block its id
   * @param head key/value head from 0
   * @return bytes
   */
  public long keysOffset(int block, int head) {
    return block * blockBytes() + 2L * head * BLOCK_TOKENS * headDim * type.bytes();
  }

  /**
   * Where the values of a block and head begin in {@link #layer}.
   *
   * @param block its id
   * @param head key/value head from 0
   * @return bytes
   */
  public long valuesOffset(int block, int head) {
    return keysOffset(block, head) + (long) BLOCK_TOKENS * headDim * type.bytes();
  }

  @Override
  public void close() {
    arena.close();
  }
}
