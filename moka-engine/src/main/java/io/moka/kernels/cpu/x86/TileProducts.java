package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Products of rows in tiles with weights of one format, in machine code: {@link
 * io.moka.kernels.cpu.GroupProducts} says what the methods do. Owns its code.
 */
interface TileProducts extends AutoCloseable {
  /** Bytes that a row takes in a tile. */
  long rowBytes(int columns);

  /** Whether some products are by tiles of the processor. */
  boolean usesAmx();

  /** Brings some columns of a row into a tile. */
  void quantise(
      MemorySegment x,
      long from,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int rows);

  /** Groups that one row is multiplied with in one call at most. */
  default int groupsOfRow() {
    return 1;
  }

  /** Multiplies rows in tiles with a group of weights, or one row with several. */
  void multiply(
      PackedMatrix weights,
      long group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch);

  @Override
  void close();

  /** Where the group after some begins: threads take runs of neighbours. */
  static long nextGroup(PackedMatrix weights, long group, int groups) {
    return weights.data().address()
        + group
        + groups * PackedMatrix.GROUP_STRIPS * weights.stripBytes();
  }
}
