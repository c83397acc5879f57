package io.moka.kernels.cpu.vector;

import io.moka.kernels.KvType;
import java.lang.foreign.MemorySegment;

/** Keys and values on their way from strips of the cache to the floats that tiles multiply. */
sealed interface SpanPanel permits FloatPanel, Q8Panel {
  /**
   * The panel for a type.
   *
   * @param type of the cache
   * @param swapped whether of each pair the odd column comes first; BF16 only
   */
  static SpanPanel of(KvType type, boolean swapped) {
    return type.format()
        .<SpanPanel>map(format -> new FloatPanel(format, swapped))
        .orElseGet(Q8Panel::new);
  }

  /** Whether blocks are copied, while the ones before them are multiplied, and then decoded. */
  boolean copiesAhead();

  /**
   * Makes floats of the keys of a block, column after column.
   *
   * @param data memory of the cache
   * @param keys where they begin there, in bytes
   * @param copy what lies there, where it is copied ahead
   * @param headDim d
   * @param out takes the floats
   * @param at where these begin, and the copy
   * @param spare where 16 floats of it are free
   */
  void keys(
      MemorySegment data, long keys, short[] copy, int headDim, float[] out, int at, int spare);

  /**
   * Makes floats of the values of a block, strip after strip, each column after column.
   *
   * @param data memory of the cache
   * @param values where they begin there, in bytes
   * @param copy what lies there, where it is copied ahead
   * @param strips how many
   * @param out takes the floats, from its beginning on
   * @param spare where 16 floats of it are free
   */
  void values(MemorySegment data, long values, short[] copy, int strips, float[] out, int spare);
}
