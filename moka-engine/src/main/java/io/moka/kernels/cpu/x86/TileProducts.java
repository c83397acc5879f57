package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Products of rows in tiles with weights of one format, in machine code: {@link GroupProducts} says
 * what the methods do. Owns its code.
 */
interface TileProducts extends AutoCloseable {
  /** Bytes that a row takes in a tile. */
  long rowBytes(int columns);

  /** Rows of a full tile, of a block of so many rows. */
  default int tileRows(int rows) {
    return GroupCode.MAX_ROWS;
  }

  /** Whether some products are by tiles of the processor. */
  boolean usesAmx();

  /** Brings some columns of rows that follow each other into a tile. */
  void quantise(
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows);

  /** Groups that rows are multiplied with in one call at most. */
  default int groupsAtOnce(int rows) {
    return 1;
  }

  /** Multiplies all rows of a block, in tiles, with groups of weights. */
  void multiply(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch);

  @Override
  void close();

  /** Groups for rows that one call of machine code takes; with more each is read several times. */
  static int groupsAtOnce(int rows, int mostRows) {
    return rows > mostRows ? 1 : GroupProducts.MAX_ROWS / rows;
  }

  /** The address of the group after some: threads take runs of neighbours. */
  static long nextGroup(PackedMatrix weights, int group, int groups) {
    return weights.data().address() + (group + groups) * weights.groupBytes();
  }
}
