package io.moka.model;

import io.moka.kernels.SlotMap;
import java.util.Arrays;

/**
 * The new tokens of one step: a ragged set of rows, in which each sequence brings one token
 * (decode) or many (a chunk of its prompt). Reused from step to step.
 */
public final class Batch implements SlotMap {
  /** The cache blocks of one sequence. */
  @FunctionalInterface
  public interface BlockTable {
    /**
     * The block that holds the positions [16 index, 16 index + 16).
     *
     * @param index from 0
     * @return its id in the cache
     */
    int block(int index);
  }

  /** Which rows of a sequence get logits. */
  public enum Logits {
    /** None: a chunk in the middle of a prompt. */
    NONE,
    /** The last row, from which the next token is sampled. */
    LAST,
    /** Every row. */
    ALL
  }

  private int rows;
  private int wanted;
  private int[] ids = new int[16];
  private int[] positions = new int[16];
  private BlockTable[] tables = new BlockTable[16];
  private int[] wantedRows = new int[16];

  /** An empty batch. */
  public Batch() {}

  /** Empties it. */
  public void clear() {
    Arrays.fill(tables, 0, rows, null);
    rows = 0;
    wanted = 0;
  }

  /**
   * Adds new tokens of one sequence.
   *
   * @param tokens ids
   * @param from index of the first of them
   * @param count how many
   * @param position position of the first in its sequence
   * @param table the sequence's cache blocks, which reach to its last new position
   * @param logits which of the rows get logits
   */
  public void add(
      int[] tokens, int from, int count, int position, BlockTable table, Logits logits) {
    reserve(rows + count);
    for (int i = 0; i < count; i++) {
      ids[rows] = tokens[from + i];
      positions[rows] = position + i;
      tables[rows] = table;
      if (logits == Logits.ALL || logits == Logits.LAST && i == count - 1) {
        wantedRows[wanted++] = rows;
      }
      rows++;
    }
  }

  private void reserve(int capacity) {
    if (capacity > ids.length) {
      int length = Math.max(capacity, 2 * ids.length);
      ids = Arrays.copyOf(ids, length);
      positions = Arrays.copyOf(positions, length);
      tables = Arrays.copyOf(tables, length);
      wantedRows = Arrays.copyOf(wantedRows, length);
    }
  }

  /**
   * Rows of the step.
   *
   * @return T
   */
  public int rows() {
    return rows;
  }

  /**
   * The tokens, one a row; longer than {@link #rows()}.
   *
   * @return ids, not to be changed
   */
  public int[] ids() {
    return ids;
  }

  /**
   * How many rows get logits.
   *
   * @return the count
   */
  public int wanted() {
    return wanted;
  }

  /**
   * A row that gets logits.
   *
   * @param index from 0 to {@link #wanted()} - 1, in the order of the rows
   * @return the row
   */
  public int wantedRow(int index) {
    return wantedRows[index];
  }

  @Override
  public int position(int row) {
    return positions[row];
  }

  @Override
  public int block(int row, int index) {
    return tables[row].block(index);
  }
}
