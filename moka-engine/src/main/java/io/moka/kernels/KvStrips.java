package io.moka.kernels;

import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Optional;

/**
 * How a cache of one type holds what a block and head have.
 *
 * <pre>
 * keys   : one strip; a lane is one of 16 positions, columns are the d dimensions
 * values : ceil(d / 16) strips; a lane is one of 16 dimensions, columns are the positions
 * </pre>
 */
abstract sealed class KvStrips permits FloatStrips, Q8Strips {
  /** Lanes of a strip. */
  public static final int LANES = KvCache.BLOCK_TOKENS;

  /** The format of the numbers; empty where they are codes that share scales. */
  abstract Optional<WeightFormat> format();

  /** Bytes of the keys of a block and head. */
  abstract long keysBytes(int headDim);

  /** Bytes of one strip of values. */
  abstract long valueStripBytes();

  /** Bytes of the values of a block and head. */
  final long valuesBytes(int headDim) {
    return Math.ceilDiv(headDim, LANES) * valueStripBytes();
  }

  /** One element of the keys that begin somewhere, as it was rounded. */
  abstract float key(MemorySegment data, long keys, int headDim, int slot, int dimension);

  /** One element of the values that begin somewhere, as it was rounded. */
  abstract float value(MemorySegment data, long values, int slot, int dimension);

  /** Rounds and stores the key of a slot, d floats. */
  abstract void putKey(
      MemorySegment data, long keys, int headDim, int slot, MemorySegment key, long from);

  /** Rounds and stores the value of a slot, d floats. */
  abstract void putValue(
      MemorySegment data, long values, int headDim, int slot, MemorySegment value, long from);

  /**
   * Copies values, with zeros in the slots that are not seen.
   *
   * @param data memory of the values
   * @param values where they begin, in bytes
   * @param first the first slot that is seen
   * @param end the slot after the last
   * @param target takes as many bytes as the values of a block and head have
   */
  abstract void copySeenValues(
      MemorySegment data, long values, int first, int end, MemorySegment target);

  /** Clears whole longs: a loop, since a slice would be an object. */
  static void clear(MemorySegment target, long from, long bytes) {
    for (long at = from; at < from + bytes; at += Long.BYTES) {
      target.set(ValueLayout.JAVA_LONG_UNALIGNED, at, 0);
    }
  }
}
