package io.moka.kernels;

import java.util.Arrays;

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
    this.topK = topK;
    this.experts = new int[rows * topK];
    this.weights = new float[rows * topK];
  }

  /**
   * Makes room; what was there stays.
   *
   * @param rows rows
   */
  public void reserve(int rows) {
    if (rows * topK > experts.length) {
      experts = Arrays.copyOf(experts, rows * topK);
      weights = Arrays.copyOf(weights, rows * topK);
    }
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
    return experts[row * topK + rank];
  }

  /**
   * The weight of a chosen expert.
   *
   * @param row from 0
   * @param rank from 0 to k - 1
   * @return its weight in the sum
   */
  public float weight(int row, int rank) {
    return weights[row * topK + rank];
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
    experts[row * topK + rank] = expert;
    weights[row * topK + rank] = weight;
  }
}
