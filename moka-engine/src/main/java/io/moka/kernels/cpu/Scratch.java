package io.moka.kernels.cpu;

import io.moka.weights.PackedMatrix;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** What one worker needs beside its arguments; grows with the widest matrix and is then reused. */
public final class Scratch {
  /** Rows of sums beyond the last: for a last tile that is not full, or half of all results. */
  private static final int SPARE_ROWS = GroupProducts.MAX_ROWS / 2;

  private final long[] rows = new long[GroupProducts.MAX_ROWS];
  private final float[] partial = new float[PackedMatrix.STRIP_ROWS];
  private final MemorySegment sums;
  private final Arena arena;
  private MemorySegment panel = MemorySegment.NULL;
  private float[] floats = new float[0];
  private short[] shorts = {};
  private int[] ints = new int[0];

  /**
   * Takes what every product needs.
   *
   * @param arena its owner
   */
  public Scratch(Arena arena) {
    this.arena = arena;
    sums = arena.allocate((GroupProducts.MAX_ROWS + SPARE_ROWS) * GroupProducts.SUM_BYTES, 64);
  }

  /**
   * Where the rows of a product begin, in bytes.
   *
   * @return room for as many as one call takes
   */
  public long[] rows() {
    return rows;
  }

  /**
   * Partial sums on their way to one.
   *
   * @return room for 16
   */
  public float[] partial() {
    return partial;
  }

  /**
   * What a product yields.
   *
   * @return [128, 64] floats, and 64 rows more that a product may use
   */
  public MemorySegment sums() {
    return sums;
  }

  /**
   * Room for weights on their way into registers, or for a row on its way into a tile.
   *
   * @param bytes how much
   * @return at least as much
   */
  public MemorySegment panel(long bytes) {
    if (panel.byteSize() < bytes) {
      panel = arena.allocate(bytes, 64);
    }
    return panel;
  }

  /**
   * Room for floats on the heap: where vectors go to and fro, C2 checks an array's bounds with two
   * instructions, and those of a segment, its kind and its life with twenty.
   *
   * @param count how many
   * @return at least as many
   */
  public float[] floats(int count) {
    if (floats.length < count) {
      floats = new float[count];
    }
    return floats;
  }

  /**
   * Room for words on the heap, as for {@link #floats}.
   *
   * @param count how many
   * @return at least as many
   */
  public int[] ints(int count) {
    if (ints.length < count) {
      ints = new int[count];
    }
    return ints;
  }

  /**
   * Room for halves on the heap, as for {@link #floats}.
   *
   * @param count how many
   * @return at least as many
   */
  public short[] shorts(int count) {
    if (shorts.length < count) {
      shorts = new short[count];
    }
    return shorts;
  }
}
