package io.moka.kernels.cpu;

import io.moka.kernels.RouterResult;
import java.util.Arrays;

/**
 * The choices of a step sorted by expert: each expert's run holds its rows in ascending order.
 * Reused from step to step; grows with the largest step.
 */
final class ExpertLists {
  private int[] starts = new int[1];
  private int[] active = new int[0];
  private int activeCount;
  private int[] rows = new int[0];
  private int[] choices = new int[0];
  private int size;

  /** Empty lists. */
  public ExpertLists() {}

  /**
   * Sorts a routing.
   *
   * @param routing experts of each row
   * @param rowCount rows
   * @param experts E
   */
  public void fill(RouterResult routing, int rowCount, int experts) {
    int topK = routing.topK();
    reserve(rowCount * topK, experts);
    Arrays.fill(starts, 0, experts + 1, 0);
    for (int row = 0; row < rowCount; row++) {
      for (int rank = 0; rank < topK; rank++) {
        starts[routing.expert(row, rank) + 1]++;
      }
    }
    activeCount = 0;
    for (int expert = 0; expert < experts; expert++) {
      if (starts[expert + 1] > 0) {
        active[activeCount++] = expert;
      }
      starts[expert + 1] += starts[expert];
    }
    place(routing, rowCount);
    size = rowCount * topK;
  }

  /**
   * Places each choice at its expert's start, which moves on; shifted back by one expert at the
   * end.
   */
  private void place(RouterResult routing, int rowCount) {
    int topK = routing.topK();
    for (int row = 0; row < rowCount; row++) {
      for (int rank = 0; rank < topK; rank++) {
        int slot = starts[routing.expert(row, rank)]++;
        rows[slot] = row;
        choices[slot] = row * topK + rank;
      }
    }
    for (int i = activeCount - 1; i >= 0; i--) {
      int expert = active[i];
      starts[expert] = i == 0 ? 0 : starts[active[i - 1]];
    }
  }

  private void reserve(int slots, int experts) {
    if (slots > rows.length) {
      rows = new int[slots];
      choices = new int[slots];
    }
    if (experts + 1 > starts.length) {
      starts = new int[experts + 1];
      active = new int[experts];
    }
  }

  /**
   * All choices.
   *
   * @return rows times k
   */
  public int size() {
    return size;
  }

  /**
   * How many experts have rows.
   *
   * @return the count
   */
  public int activeCount() {
    return activeCount;
  }

  /**
   * An expert that has rows.
   *
   * @param index from 0, in ascending order of ids
   * @return its id
   */
  public int active(int index) {
    return active[index];
  }

  /**
   * The first slot of an active expert.
   *
   * @param index as in {@link #active}
   * @return slot from 0
   */
  public int start(int index) {
    return starts[active[index]];
  }

  /**
   * The slot after the last of an active expert.
   *
   * @param index as in {@link #active}
   * @return slot
   */
  public int end(int index) {
    return index + 1 < activeCount ? starts[active[index + 1]] : size;
  }

  /**
   * Which active expert a slot belongs to.
   *
   * @param slot from 0
   * @return as in {@link #active}
   */
  public int activeOf(int slot) {
    int low = 0;
    int high = activeCount - 1;
    while (low < high) {
      int middle = (low + high + 1) / 2;
      if (start(middle) <= slot) {
        low = middle;
      } else {
        high = middle - 1;
      }
    }
    return low;
  }

  /**
   * The row of a slot.
   *
   * @param slot from 0
   * @return row of the step
   */
  public int row(int slot) {
    return rows[slot];
  }

  /**
   * The choice of a slot.
   *
   * @param slot from 0
   * @return row times k plus rank
   */
  public int choice(int slot) {
    return choices[slot];
  }
}
