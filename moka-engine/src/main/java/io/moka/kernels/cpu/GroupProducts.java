package io.moka.kernels.cpu;

import io.moka.weights.Activation;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;

/**
 * The products of rows with groups of a packed matrix, and what is done to rows right before and
 * after: the part of the kernels on a CPU that the Vector API and machine code do each in their
 * way. Everything else calls these.
 *
 * <p>Rows come in two forms: as floats, or rounded in <em>tiles</em> of a few rows, in whatever
 * order the products read them. A tile takes {@code rows * tileRowBytes}. Rows that follow each
 * other lie in blocks of {@link #MAX_ROWS} and a last smaller one, and those of a block in full
 * tiles and a last smaller one. Nothing here allocates after the first call with a size.
 */
public interface GroupProducts extends AutoCloseable {
  /** Rows that one call takes at most; with several groups, rows times groups. */
  int MAX_ROWS = 128;

  /** Bytes of a row's sums of a group: one float for each row of weights. */
  long SUM_BYTES = PackedMatrix.GROUP_ROWS * (long) Float.BYTES;

  /**
   * What multiplies, for a log.
   *
   * @return a few words
   */
  String description();

  /**
   * Whether rows are rounded into tiles before they meet matrices of a format.
   *
   * @param format of the weights
   * @return false where they stay floats
   */
  boolean usesTiles(WeightFormat format);

  /**
   * Rows of a full tile.
   *
   * @param format of the weights that the tile will meet
   * @param rows of the block, from 1 to {@link #MAX_ROWS}
   * @return the count, at least 1; no block has more tiles than a full one
   */
  int tileRows(WeightFormat format, int rows);

  /**
   * The first row of the tile that a row lies in.
   *
   * @param format of the weights that the tile will meet
   * @param row from 0
   * @param rows that follow each other, any number
   * @return a row from 0
   */
  default int tileStart(WeightFormat format, int row, int rows) {
    int inBlock = row % MAX_ROWS;
    int block = row - inBlock;
    return row - inBlock % tileRows(format, Math.min(MAX_ROWS, rows - block));
  }

  /**
   * The row after the last of a tile.
   *
   * @param format of the weights that the tile will meet
   * @param start the first row of the tile
   * @param rows that follow each other, any number
   * @return at most rows
   */
  default int tileEnd(WeightFormat format, int start, int rows) {
    int block = start - start % MAX_ROWS;
    int end = Math.min(block + MAX_ROWS, rows);
    return Math.min(end, start + tileRows(format, end - block));
  }

  /**
   * Bytes that a row takes in a tile.
   *
   * @param format of the weights that the tile will meet
   * @param columns columns of a row
   * @return the count, a multiple of 4
   */
  long tileRowBytes(WeightFormat format, int columns);

  /**
   * Rounds the same columns of rows of a tile that follow each other.
   *
   * @param format of the weights that the tile will meet
   * @param x memory of the rows' floats
   * @param from where the first of these columns lies in the first row, in bytes
   * @param xStride bytes from a row of x to the next
   * @param firstColumn a multiple of 32
   * @param count columns: a multiple of 32, or all to the end of the row
   * @param tiles memory of the tile
   * @param at where the tile begins, in bytes
   * @param row the first of the rows within the tile
   * @param end the row after the last of them
   * @param rows rows of this tile
   * @param columns columns of a whole row
   * @param scratch the worker's; its sums may be what is rounded
   */
  void quantise(
      WeightFormat format,
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows,
      int columns,
      Scratch scratch);

  /**
   * Turns what groups of joined gate and up yield into act(gate) * up.
   *
   * @param activation act
   * @param count rows times groups
   * @param scratch the worker's; its sums are for each of count 32 floats of gate and 32 of up,
   *     afterwards 32 for each
   */
  default void gate(Activation activation, int count, Scratch scratch) {
    MemorySegment sums = scratch.sums();
    int width = JoinedMatrix.HALF_ROWS;
    long half = width * (long) Float.BYTES;
    for (int i = 0; i < count; i++) {
      long at = i * SUM_BYTES;
      RowMath.gate(activation, sums, at, sums, at + half, sums, i * half, width);
    }
  }

  /**
   * Groups that rows are multiplied with in one call at most.
   *
   * @param format of the weights
   * @param rows of the call, from 1 to {@link #MAX_ROWS}
   * @return at least 1; times the rows at most {@link #MAX_ROWS}
   */
  default int groupsAtOnce(WeightFormat format, int rows) {
    return 1;
  }

  /**
   * Multiplies rows in tiles with groups of weights that follow each other: {@code sums[i][r] = x_i
   * w[r]}, where r counts the rows of all these groups: a row's sums take {@code groups *
   * SUM_BYTES}.
   *
   * @param weights the matrix
   * @param group the first of the groups
   * @param groups how many, from 1 to {@link #groupsAtOnce}
   * @param tiles memory of the tiles
   * @param at where the block begins, in bytes
   * @param count all rows of the block, as {@link #tileRows} was told
   * @param scratch the worker's; its sums are the result
   */
  void multiplyTiles(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch);

  /**
   * Multiplies rows of floats with groups of weights that follow each other: {@code sums[i][r] =
   * sum over c of x_i[c] w[r][c]}, fused multiply-adds over ascending c; the sums lie as those of
   * {@link #multiplyTiles}.
   *
   * @param weights the matrix
   * @param group the first of the groups
   * @param groups how many, from 1 to {@link #groupsAtOnce}
   * @param x memory of the rows
   * @param count rows, at most {@link #MAX_ROWS}
   * @param scratch the worker's; says where each row begins, and its sums are the result
   */
  void multiplyRows(
      PackedMatrix weights, int group, int groups, MemorySegment x, int count, Scratch scratch);

  /** Gives back what the products own, when no call is under way. */
  @Override
  void close();
}
