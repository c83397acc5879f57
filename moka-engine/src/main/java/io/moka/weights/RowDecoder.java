package io.moka.weights;

import java.lang.foreign.MemorySegment;

/**
 * Decodes rows of a stored matrix to floats, bit for bit as ggml's scalar code does. Holds scratch
 * memory for one thread; after its first row it allocates nothing.
 */
public final class RowDecoder {
  private final TileLane lane = new TileLane();
  private byte[] raw = new byte[0];
  private MemorySegment rawSegment = MemorySegment.ofArray(raw);

  /** Empty scratch. */
  public RowDecoder() {}

  /**
   * Decodes numbers that lie one after the other.
   *
   * @param format how they are stored
   * @param data memory that holds them
   * @param offset bytes to the first
   * @param count how many, whole blocks
   * @param out the numbers, from index 0
   */
  public void decode(WeightFormat format, MemorySegment data, long offset, int count, float[] out) {
    if (!format.isQuantised()) {
      for (int i = 0; i < count; i++) {
        out[i] = format.get(data, offset + format.bytes(i));
      }
      return;
    }
    TileLayout layout = format.tiles().orElseThrow();
    int bytes = Math.toIntExact(format.bytes(count));
    reserve(bytes);
    MemorySegment.copy(data, offset, rawSegment, 0, bytes);
    int step = format.blockElements();
    for (int block = 0; block < count / step; block++) {
      BlockReader.read(format, raw, block * format.blockBytes(), lane);
      for (int i = 0; i < step; i++) {
        out[block * step + i] = lane.value(layout, i);
      }
    }
  }

  private void reserve(int bytes) {
    if (raw.length < bytes) {
      raw = new byte[bytes];
      rawSegment = MemorySegment.ofArray(raw);
    }
  }
}
