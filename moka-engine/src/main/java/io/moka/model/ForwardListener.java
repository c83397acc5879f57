package io.moka.model;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.moe.RoutingStats;

/**
 * Sees what passes between the layers; for tests and statistics. Every method does nothing unless
 * overridden.
 */
public interface ForwardListener {
  /** Sees nothing. */
  ForwardListener NONE = new ForwardListener() {};

  /**
   * Counts which experts are chosen.
   *
   * @param stats where to
   * @return a listener for {@link Transformer#listen}
   */
  static ForwardListener counting(RoutingStats stats) {
    return new ForwardListener() {
      @Override
      public void routed(int layer, int rows, Rows logits, RouterResult routing) {
        stats.record(layer, routing, rows);
      }
    };
  }

  /**
   * The experts of a layer were chosen and have run.
   *
   * @param layer from 0
   * @param rows T
   * @param logits [T, E], what the router computed
   * @param routing experts and weights
   */
  default void routed(int layer, int rows, Rows logits, RouterResult routing) {}

  /**
   * Experts or MLP of a layer have run.
   *
   * @param layer from 0
   * @param rows T
   * @param output [T, D], before the residual is added
   */
  default void mlpOutput(int layer, int rows, Rows output) {}

  /**
   * A layer has ended.
   *
   * @param layer from 0
   * @param rows T
   * @param hidden [T, D], the residual stream
   */
  default void hidden(int layer, int rows, Rows hidden) {}
}
