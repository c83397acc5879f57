package io.moka.moe;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import java.lang.foreign.Arena;
import java.util.Arrays;

/**
 * What the layers of a model need between their operations; all of them share one. Made for a
 * number of rows; the rows of the dense and of the sparse path exist only for these.
 */
public final class MoeWorkspace {
  final Rows routerLogits;
  final RouterResult routing;

  /** Every row goes to the one expert 0, with weight 1 or that of a gate. */
  final RouterResult everyRow;

  /** [T k, F], or [T, F] on the dense path. */
  final Rows gate;

  /** As {@link #gate}. */
  final Rows up;

  /** [T k, D], or [T, D] on the dense path. */
  final Rows down;

  /** [T, 1]. */
  final Rows sharedGate;

  final float[] scale;

  /**
   * Makes room.
   *
   * @param arena who owns it
   * @param path which rows are needed
   * @param rows T at most
   * @param experts E
   * @param topK k
   * @param hidden D
   * @param width F
   */
  public MoeWorkspace(
      Arena arena, MoePath path, int rows, int experts, int topK, int hidden, int width) {
    int inner =
        switch (path) {
          case FUSED -> 0;
          case DENSE -> rows;
          case SPARSE -> Math.multiplyExact(rows, topK);
        };
    routerLogits = Rows.allocate(arena, rows, experts);
    routing = new RouterResult(rows, topK);
    everyRow = new RouterResult(rows, 1);
    gate = Rows.allocate(arena, inner, width);
    up = Rows.allocate(arena, inner, width);
    down = Rows.allocate(arena, inner, hidden);
    sharedGate = Rows.allocate(arena, rows, 1);
    scale = new float[rows];
    for (int row = 0; row < rows; row++) {
      everyRow.set(row, 0, 0, 1);
    }
  }

  /**
   * The router logits of the layer that ran last.
   *
   * @return [T, E]
   */
  public Rows routerLogits() {
    return routerLogits;
  }

  /**
   * The experts of the layer that ran last.
   *
   * @return [T, k]
   */
  public RouterResult routing() {
    return routing;
  }

  void clearScale(int rows) {
    Arrays.fill(scale, 0, rows, 0);
  }
}
