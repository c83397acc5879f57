package io.moka.kernels;

import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Keys and values of all sequences, in blocks of 16 positions that sequences share out among
 * themselves.
 *
 * <pre>
 * layer = slabs of 32 blocks, a span; the last may have fewer
 * slab  = for each key/value head: keys of its blocks, then values of its blocks
 * keys of a block   = one strip: a lane is one of 16 positions, columns are the d dimensions
 * values of a block = ceil(d / 16) strips: a lane is one of 16 dimensions, columns are the positions
 * </pre>
 *
 * <p>So the blocks of a span are one run of keys and one of values where a sequence grew alone, and
 * the processor reads ahead of them. Longer runs would take memory, which comes in huge pages, in
 * many places for the first token.
 *
 * <p>A strip of floats is that of {@link io.moka.weights.PackedMatrix}, so that attention
 * multiplies keys and values as products do weights; one of 8 bits is that of {@link Q8Strips}.
 *
 * <p>Its owner closes it; nothing may read it after that.
 */
public final class KvCache implements AutoCloseable {
  /** Positions of a block. */
  public static final int BLOCK_TOKENS = 16;

  private static final int SLAB_BLOCKS = Kernels.SPAN_TOKENS / BLOCK_TOKENS;

  private final Arena arena;
  private final MemorySegment[] layers;
  private final KvType type;
  private final KvStrips strips;
  private final int blocks;
  private final int kvHeads;
  private final int headDim;
  private final long keysBytes;
  private final long valuesBytes;

  /**
   * Allocates a cache of zeros.
   *
   * @param type how numbers are stored
   * @param layers layers of the model
   * @param blocks blocks of 16 positions, each in all layers
   * @param kvHeads K
   * @param headDim d, even: dimensions are stored in pairs
   */
  public KvCache(KvType type, int layers, int blocks, int kvHeads, int headDim) {
    if (headDim < 2 || headDim % 2 != 0) {
      throw new IllegalArgumentException("head width " + headDim + ", expected an even number");
    }
    this.arena = Arena.ofShared();
    this.type = type;
    this.strips = type.strips();
    this.blocks = blocks;
    this.kvHeads = kvHeads;
    this.headDim = headDim;
    this.keysBytes = strips.keysBytes(headDim);
    this.valuesBytes = strips.valuesBytes(headDim);
    this.layers = new MemorySegment[layers];
    try {
      for (int layer = 0; layer < layers; layer++) {
        this.layers[layer] = NativeMemory.allocate(arena, blocks * blockBytes());
      }
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  /**
   * Bytes that one block takes in one layer.
   *
   * @return the count
   */
  public long blockBytes() {
    return kvHeads * (keysBytes + valuesBytes);
  }

  /**
   * Bytes that one block takes in one layer of a cache that is still to be made.
   *
   * @param type how numbers are stored
   * @param kvHeads K
   * @param headDim d
   * @return the count
   */
  public static long blockBytes(KvType type, int kvHeads, int headDim) {
    return kvHeads * (type.strips().keysBytes(headDim) + type.strips().valuesBytes(headDim));
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
   * Layers of the model.
   *
   * @return the count
   */
  public int layers() {
    return layers.length;
  }

  /**
   * Key/value heads.
   *
   * @return K
   */
  public int kvHeads() {
    return kvHeads;
  }

  /**
   * Width of a head.
   *
   * @return d
   */
  public int headDim() {
    return headDim;
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
    return headOffset(block, head) + block % SLAB_BLOCKS * keysBytes;
  }

  /**
   * Where the values of a block and head begin in {@link #layer}.
   *
   * @param block its id
   * @param head key/value head from 0
   * @return bytes
   */
  public long valuesOffset(int block, int head) {
    return headOffset(block, head)
        + slabBlocks(block) * keysBytes
        + block % SLAB_BLOCKS * valuesBytes;
  }

  /**
   * Where the values of the block and head lie whose keys begin somewhere.
   *
   * @param keys as {@link #keysOffset} says
   * @return as {@link #valuesOffset} says
   */
  public long valuesOfKeys(long keys) {
    long slab = keys / (SLAB_BLOCKS * blockBytes());
    int first = (int) slab * SLAB_BLOCKS;
    long within = keys - first * blockBytes();
    long headBytes = slabBlocks(first) * (keysBytes + valuesBytes);
    int head = (int) (within / headBytes);
    int block = first + (int) ((within - head * headBytes) / keysBytes);
    return valuesOffset(block, head);
  }

  /**
   * Bytes of one strip of values: 16 dimensions of 16 positions.
   *
   * @return the count
   */
  public long valueStripBytes() {
    return strips.valueStripBytes();
  }

  /**
   * Bytes of the keys of a block and head.
   *
   * @return the count
   */
  public long keysBytes() {
    return keysBytes;
  }

  /**
   * Bytes of the values of a block and head.
   *
   * @return the count
   */
  public long valuesBytes() {
    return valuesBytes;
  }

  /**
   * One element of a key.
   *
   * @param layer from 0
   * @param block its id
   * @param head key/value head from 0
   * @param slot position within the block
   * @param dimension from 0
   * @return what was stored, as the type rounds it
   */
  public float key(int layer, int block, int head, int slot, int dimension) {
    return strips.key(layers[layer], keysOffset(block, head), headDim, slot, dimension);
  }

  /**
   * One element of a value.
   *
   * @param layer from 0
   * @param block its id
   * @param head key/value head from 0
   * @param slot position within the block
   * @param dimension from 0
   * @return what was stored, as the type rounds it
   */
  public float value(int layer, int block, int head, int slot, int dimension) {
    return strips.value(layers[layer], valuesOffset(block, head), slot, dimension);
  }

  /**
   * Stores a key and a value of one position and head, each [d].
   *
   * @param layer from 0
   * @param block its id
   * @param head key/value head from 0
   * @param slot position within the block
   * @param keys memory of the key
   * @param keyFrom where it begins, in bytes
   * @param values memory of the value
   * @param valueFrom where it begins, in bytes
   */
  public void store(
      int layer,
      int block,
      int head,
      int slot,
      MemorySegment keys,
      long keyFrom,
      MemorySegment values,
      long valueFrom) {
    MemorySegment data = layers[layer];
    strips.putKey(data, keysOffset(block, head), headDim, slot, keys, keyFrom);
    strips.putValue(data, valuesOffset(block, head), headDim, slot, values, valueFrom);
  }

  /**
   * Copies the values of one block and head, with zeros in the slots that are not seen: what those
   * hold, a NaN of an earlier sequence even, must not count.
   *
   * @param layer from 0
   * @param values where they begin in the layer, in bytes
   * @param first the first slot that is seen
   * @param end the slot after the last
   * @param target takes as many bytes as the values of a block and head have
   */
  public void copySeenValues(int layer, long values, int first, int end, MemorySegment target) {
    strips.copySeenValues(layers[layer], values, first, end, target);
  }

  /**
   * Copies a block in all layers.
   *
   * @param from the block to read
   * @param to the block to overwrite
   */
  public void copyBlock(int from, int to) {
    for (MemorySegment layer : layers) {
      for (int head = 0; head < kvHeads; head++) {
        MemorySegment.copy(layer, keysOffset(from, head), layer, keysOffset(to, head), keysBytes);
        MemorySegment.copy(
            layer, valuesOffset(from, head), layer, valuesOffset(to, head), valuesBytes);
      }
    }
  }

  /** Where a head begins in the slab of a block. */
  private long headOffset(int block, int head) {
    int first = block / SLAB_BLOCKS * SLAB_BLOCKS;
    return first * blockBytes() + head * slabBlocks(block) * (keysBytes + valuesBytes);
  }

  /** Blocks of the slab that a block lies in. */
  private long slabBlocks(int block) {
    return Math.min(SLAB_BLOCKS, blocks - block / SLAB_BLOCKS * SLAB_BLOCKS);
  }

  @Override
  public void close() {
    arena.close();
  }
}
