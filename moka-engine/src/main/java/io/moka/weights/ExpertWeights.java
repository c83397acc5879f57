package io.moka.weights;

import java.util.List;

/**
 * The experts of one layer: {@code down( act(gate x) * up x )}.
 *
 * @param gateUp gate and up of each expert
 * @param down [D, F] of each expert
 * @param activation act
 * @param hidden D
 * @param width F
 */
public record ExpertWeights(
    GateUp gateUp, List<PackedMatrix> down, Activation activation, int hidden, int width) {

  /** Copies the list and checks the counts. */
  public ExpertWeights {
    down = List.copyOf(down);
    if (gateUp.experts() != down.size()) {
      throw new IllegalArgumentException(
          gateUp.experts() + " gates and ups for " + down.size() + " downs");
    }
  }

  /** How gate and up lie in memory. */
  public sealed interface GateUp {
    /**
     * E.
     *
     * @return the count
     */
    int experts();
  }

  /**
   * Prefused at load.
   *
   * @param matrices one for each expert
   */
  public record Joined(List<JoinedMatrix> matrices) implements GateUp {
    /** Copies the list. */
    public Joined {
      matrices = List.copyOf(matrices);
    }

    @Override
    public int experts() {
      return matrices.size();
    }
  }

  /**
   * Packed apart: for the dense and the sparse path, and to show what joining in each step costs.
   *
   * @param gate [F, D] of each expert
   * @param up [F, D] of each expert
   */
  public record Apart(List<PackedMatrix> gate, List<PackedMatrix> up) implements GateUp {
    /** Copies the lists. */
    public Apart {
      gate = List.copyOf(gate);
      up = List.copyOf(up);
    }

    @Override
    public int experts() {
      return gate.size();
    }
  }

  /**
   * E.
   *
   * @return the count
   */
  public int experts() {
    return down.size();
  }
}
