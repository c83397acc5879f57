package io.moka.moe;

import io.moka.kernels.FloatMath;
import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** One MoE layer: router, experts by one of the paths, shared expert. */
public final class MoeLayer {
  private final int index;
  private final MoePath path;
  private final PackedMatrix routerWeights;
  private final Router router;
  private final float[] choiceBias;
  private final ExpertWeights experts;
  private final Optional<SharedExpert> shared;

  /**
   * Puts a layer together.
   *
   * @param index the layer's number, for forced random routing
   * @param path the way through the experts; dense and sparse need gate and up apart
   * @param routerWeights [E, D]
   * @param router the routing contract; layers may share it
   * @param choiceBias E numbers added to the scores for choosing, or none
   * @param experts the routed experts
   * @param shared the expert that sees every row, if there is one
   */
  public MoeLayer(
      int index,
      MoePath path,
      PackedMatrix routerWeights,
      Router router,
      float[] choiceBias,
      ExpertWeights experts,
      Optional<SharedExpert> shared) {
    if (path != MoePath.FUSED && !(experts.gateUp() instanceof Apart)) {
      throw new IllegalArgumentException("the path " + path + " needs gate and up apart");
    }
    this.index = index;
    this.path = path;
    this.routerWeights = routerWeights;
    this.router = router;
    this.choiceBias = choiceBias.clone();
    this.experts = experts;
    this.shared = shared;
  }

  /**
   * Routes rows by their logits and runs the experts.
   *
   * @param kernels what computes
   * @param x [T, D]
   * @param rows T
   * @param space scratch; holds the routing afterwards
   * @param out [T, D], the weighted sum with the shared expert in it
   */
  public void forward(Kernels kernels, Rows x, int rows, MoeWorkspace space, Rows out) {
    kernels.matmul(x, routerWeights, MemorySegment.NULL, rows, space.routerLogits);
    router.route(kernels, space.routerLogits, choiceBias, rows, space.routing);
    runExperts(kernels, x, rows, space, out);
  }

  /**
   * As {@link #forward}, with experts drawn at random in place of the router's.
   *
   * @param kernels what computes
   * @param x [T, D]
   * @param rowKeys what the draw of each row depends on
   * @param rows T
   * @param space scratch; holds the routing afterwards
   * @param out [T, D]
   */
  public void forwardAtRandom(
      Kernels kernels, Rows x, long[] rowKeys, int rows, MoeWorkspace space, Rows out) {
    // the router still runs: a load test should cost what the model costs
    kernels.matmul(x, routerWeights, MemorySegment.NULL, rows, space.routerLogits);
    RandomRouting.route(rowKeys, rows, index, experts.experts(), space.routing);
    runExperts(kernels, x, rows, space, out);
  }

  private void runExperts(Kernels kernels, Rows x, int rows, MoeWorkspace space, Rows out) {
    switch (path) {
      case DENSE -> dense(kernels, x, rows, space, out);
      case SPARSE -> sparse(kernels, x, rows, space, out);
      case FUSED -> kernels.moe(x, space.routing, experts, rows, false, out);
    }
    if (shared.isPresent()) {
      addShared(kernels, shared.get(), x, rows, space, out);
    }
  }

  private void dense(Kernels kernels, Rows x, int rows, MoeWorkspace space, Rows out) {
    Apart apart = (Apart) experts.gateUp();
    for (int row = 0; row < rows; row++) {
      for (int column = 0; column < out.columns(); column++) {
        out.set(row, column, 0);
      }
    }
    for (int expert = 0; expert < experts.experts(); expert++) {
      kernels.matmul(x, apart.gate().get(expert), MemorySegment.NULL, rows, space.gate);
      kernels.matmul(x, apart.up().get(expert), MemorySegment.NULL, rows, space.up);
      kernels.gate(experts.activation(), space.gate, space.up, rows);
      kernels.matmul(space.gate, experts.down().get(expert), MemorySegment.NULL, rows, space.down);
      scatterWeights(space, expert, rows);
      kernels.addScaled(space.down, space.scale, rows, out);
    }
  }

  /** The weight of one expert for every row, zero where it was not chosen. */
  private static void scatterWeights(MoeWorkspace space, int expert, int rows) {
    RouterResult routing = space.routing;
    space.clearScale(rows);
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < routing.topK(); rank++) {
        if (routing.expert(row, rank) == expert) {
          space.scale[row] = routing.weight(row, rank);
        }
      }
    }
  }

  private void sparse(Kernels kernels, Rows x, int rows, MoeWorkspace space, Rows out) {
    Apart apart = (Apart) experts.gateUp();
    RouterResult routing = space.routing;
    kernels.groupedMatmul(x, false, routing, apart.gate(), rows, space.gate);
    kernels.groupedMatmul(x, false, routing, apart.up(), rows, space.up);
    kernels.gate(experts.activation(), space.gate, space.up, rows * routing.topK());
    kernels.groupedMatmul(space.gate, true, routing, experts.down(), rows, space.down);
    kernels.combine(space.down, routing, rows, out);
  }

  private static void addShared(
      Kernels kernels, SharedExpert expert, Rows x, int rows, MoeWorkspace space, Rows out) {
    if (expert.gate().isPresent()) {
      kernels.matmul(x, expert.gate().get(), MemorySegment.NULL, rows, space.sharedGate);
    }
    for (int row = 0; row < rows; row++) {
      float weight =
          expert.gate().isPresent() ? FloatMath.sigmoid(space.sharedGate.get(row, 0)) : 1;
      space.everyRow.set(row, 0, 0, weight);
    }
    kernels.moe(x, space.everyRow, expert.weights(), rows, true, out);
  }

  /**
   * The routed experts.
   *
   * @return their weights
   */
  public ExpertWeights experts() {
    return experts;
  }
}
