package io.moka.kernels.cpu;

import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/**
 * The rows that the experts of a layer read, one for each slot of the lists: as floats, or rounded
 * into tiles by expert.
 */
final class ExpertInput implements AutoCloseable {
  private final GroupProducts products;
  private final ExpertLists lists;
  private final ReusedMemory tiles = new ReusedMemory();
  private Rows floats;
  private boolean perChoice;
  private boolean inTiles;
  private boolean oneRow;

  ExpertInput(GroupProducts products, ExpertLists lists) {
    this.products = products;
    this.lists = lists;
  }

  /**
   * The rows are floats.
   *
   * @param choiceRows whether there is one for each choice, or for each row of the step
   */
  void useFloats(Rows rows, boolean choiceRows) {
    floats = rows;
    perChoice = choiceRows;
    inTiles = false;
  }

  /**
   * The rows will be in tiles.
   *
   * @param rowBytes of a row in a tile
   * @param shared whether all slots read the first row
   * @return memory for all slots
   */
  MemorySegment useTiles(long rowBytes, boolean shared) {
    inTiles = true;
    oneRow = shared;
    tiles.reserve(lists.size() * rowBytes);
    return tiles.segment();
  }

  boolean inTiles() {
    return inTiles;
  }

  Rows floats() {
    return floats;
  }

  /** Memory of the tiles. */
  MemorySegment tiles() {
    return tiles.segment();
  }

  /** Where the row of a slot begins among the floats, in bytes. */
  long offsetBytes(int slot) {
    return floats.offsetBytes(perChoice ? lists.choice(slot) : lists.row(slot));
  }

  /**
   * Multiplies rows of one expert with groups of its weights.
   *
   * @param slot the first; begins a block of tiles
   * @param rows up to {@link GroupProducts#MAX_ROWS}
   * @param scratch takes the sums
   */
  void multiply(PackedMatrix weights, int group, int groups, int slot, int rows, Scratch scratch) {
    if (inTiles) {
      int first = oneRow ? 0 : slot;
      long at = first * products.tileRowBytes(weights.format(), weights.columns());
      products.multiplyTiles(weights, group, groups, tiles.segment(), at, rows, scratch);
      return;
    }
    for (int i = 0; i < rows; i++) {
      scratch.rows()[i] = offsetBytes(slot + i);
    }
    products.multiplyRows(weights, group, groups, floats.data(), rows, scratch);
  }

  @Override
  public void close() {
    tiles.close();
  }
}
