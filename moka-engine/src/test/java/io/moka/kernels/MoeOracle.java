package io.moka.kernels;

import io.moka.weights.ExpertWeights;
import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import java.util.List;

/** What the fused MoE layer may differ by, and what it must equal where the order is promised. */
final class MoeOracle {
  private final Rows x;
  private final RouterResult routing;
  private final ExpertWeights experts;
  private final Bound[][] sums;

  MoeOracle(Rows x, RouterResult routing, ExpertWeights experts, int rows) {
    this.x = x;
    this.routing = routing;
    this.experts = experts;
    this.sums = new Bound[rows][];
  }

  /** The largest difference of an output, which {@code before} was added to. */
  double error(int row, int column, float before) {
    if (sums[row] == null) {
      sums[row] = bounds(row);
    }
    Bound sum = sums[row][column];
    double magnitude = Math.abs(sum.value()) + sum.error() + Math.abs(before);
    return sum.error() + (routing.topK() + 2) * Bound.ROUNDING * magnitude;
  }

  private Bound[] bounds(int row) {
    int topK = routing.topK();
    Bound[][] results = new Bound[topK][];
    double[] weights = new double[topK];
    for (int rank = 0; rank < topK; rank++) {
      results[rank] = expert(routing.expert(row, rank), Bound.exactRow(x, row));
      weights[rank] = routing.weight(row, rank);
    }
    Bound[] sum = new Bound[experts.hidden()];
    for (int i = 0; i < sum.length; i++) {
      Bound[] column = new Bound[topK];
      for (int rank = 0; rank < topK; rank++) {
        column[rank] = results[rank][i];
      }
      sum[i] = Bound.dot(weights, column);
    }
    return sum;
  }

  private Bound[] expert(int expert, Bound[] input) {
    Bound[] inner = new Bound[experts.width()];
    for (int i = 0; i < inner.length; i++) {
      Bound gate = Bound.dot(gate(expert), gateRow(i), input);
      Bound up = Bound.dot(up(expert), upRow(i), input);
      inner[i] = Bound.gated(experts.activation(), gate, up);
    }
    Bound[] out = new Bound[experts.hidden()];
    for (int i = 0; i < out.length; i++) {
      out[i] = Bound.dot(experts.down().get(expert), i, inner);
    }
    return out;
  }

  /** Writes one row as the loops say that {@link KernelsUnderTest#sumsInOrder} describes. */
  void inOrder(KernelsUnderTest kernels, int row, boolean accumulate, Rows before, Rows out) {
    float[] input = new float[x.columns()];
    for (int i = 0; i < input.length; i++) {
      input[i] = x.get(row, i);
    }
    for (int i = 0; i < experts.hidden(); i++) {
      out.set(row, i, accumulate ? before.get(row, i) : 0);
    }
    for (int rank : TestWeights.ranksByExpert(routing, row)) {
      int expert = routing.expert(row, rank);
      float[] inner = new float[experts.width()];
      for (int i = 0; i < inner.length; i++) {
        float gate = kernels.dot(gate(expert), gateRow(i), input);
        inner[i] = activate(gate) * kernels.dot(up(expert), upRow(i), input);
      }
      for (int i = 0; i < experts.hidden(); i++) {
        float y = kernels.dot(experts.down().get(expert), i, inner);
        out.set(row, i, Math.fma(routing.weight(row, rank), y, out.get(row, i)));
      }
    }
  }

  private float activate(float gate) {
    return switch (experts.activation()) {
      case SILU -> FloatMath.silu(gate);
      case GELU -> FloatMath.gelu(gate);
    };
  }

  private PackedMatrix gate(int expert) {
    return switch (experts.gateUp()) {
      case Joined(List<JoinedMatrix> matrices) -> matrices.get(expert).packed();
      case Apart apart -> apart.gate().get(expert);
    };
  }

  private PackedMatrix up(int expert) {
    return switch (experts.gateUp()) {
      case Joined(List<JoinedMatrix> matrices) -> matrices.get(expert).packed();
      case Apart apart -> apart.up().get(expert);
    };
  }

  private int gateRow(int row) {
    return experts.gateUp() instanceof Joined ? JoinedMatrix.gateRow(row) : row;
  }

  private int upRow(int row) {
    return experts.gateUp() instanceof Joined ? JoinedMatrix.upRow(row) : row;
  }
}
