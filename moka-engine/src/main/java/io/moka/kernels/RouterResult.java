package io.moka.kernels;

import java.util.Arrays;
import java.util.Objects;

/**
 * Which experts each row goes to, and with what weight: [rows, k], a row's entries in descending
 * order of weight. Reused from step to step.
 */
public final class RouterResult {
  private final int topK;
  private int[] experts;
  private float[] weights;

  /**
   * Room for some rows; {@link #reserve} gives more.
   *
   * @param rows rows
   * @param topK k
   */
  public RouterResult(int rows, int topK) {
    if (rows < 0 || topK < 1) {
      throw new IllegalArgumentException("routing of " + rows + " rows to " + topK + " experts");
    }
    this.topK = topK;
    this.experts = new int[Math.multiplyExact(rows, topK)];
    this.weights = new float[experts.length];
  }

  /**
   * Makes room; what was there stays.
   *
   * @param rows rows
   */
  public void reserve(int rows) {
    int choices = Math.multiplyExact(rows, topK);
    if (choices > experts.length) {
      experts = Arrays.copyOf(experts, choices);
      weights = Arrays.copyOf(weights, choices);
    }
  }

  /**
   * How many rows there is room for.
   *
   * @return the count
   */
  public int capacity() {
    return experts.length / topK;
  }

  /**
   * k.
   *
   * @return experts a row
   */
  public int topK() {
    return topK;
  }

  /**
   * A chosen expert.
   *
   * @param row from 0
   * @param rank from 0 to k - 1
   * @return its id
   */
  public int expert(int row, int rank) {
    return experts[choice(row, rank)];
  }

  /**
   * The weight of a chosen expert.
   *
   * @param row from 0
   * @param rank from 0 to k - 1
   * @return its weight in the sum
   */
  public float weight(int row, int rank) {
    return weights[choice(row, rank)];
  }

  /**
   * Sets one choice.
   *
   * @param row from 0
   * @param rank from 0 to k - 1
   * @param expert its id
   * @param weight its weight in the sum
   */
  public void set(int row, int rank, int expert, float weight) {
    int choice = choice(row, rank);
    experts[choice] = expert;
    weights[choice] = weight;
  }

  /** A rank beyond k would be a choice of the next row. */
  private int choice(int row, int rank) {
    return row * topK + Objects.checkIndex(rank, topK);
  }
}
