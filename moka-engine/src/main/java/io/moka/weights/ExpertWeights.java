package io.moka.weights;

import java.util.List;
import java.util.stream.Stream;

/**
 * The experts of one layer: {@code down( act(gate x) * up x )}.
 *
 * @param gateUp gate and up of each expert
 * @param down [D, F] of each expert, all in one format
 * @param activation act
 * @param hidden D
 * @param width F
 */
public record ExpertWeights(
    GateUp gateUp, List<PackedMatrix> down, Activation activation, int hidden, int width) {

  /** Copies the list and checks counts, sizes and formats. */
  public ExpertWeights {
    down = List.copyOf(down);
    if (down.isEmpty() || gateUp.experts() != down.size()) {
      throw new IllegalArgumentException(
          gateUp.experts() + " gates and ups for " + down.size() + " downs");
    }
    gateUp.check(hidden, width);
    requireOneFormat(down.stream(), "downs");
    for (PackedMatrix matrix : down) {
      size(matrix, hidden, width);
    }
  }

  /** Rows come in one form, that which the products with a format take. */
  private static void requireOneFormat(Stream<PackedMatrix> matrices, String what) {
    if (matrices.map(PackedMatrix::format).distinct().count() > 1) {
      throw new IllegalArgumentException(what + " differ in format");
    }
  }

  private static void size(PackedMatrix matrix, int rows, int columns) {
    if (matrix.rows() != rows || matrix.columns() != columns) {
      throw new IllegalArgumentException(
          "an expert's matrix is [%d, %d] where [%d, %d] fits"
              .formatted(matrix.rows(), matrix.columns(), rows, columns));
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

    /**
     * Checks the size of every matrix.
     *
     * @param hidden D
     * @param width F
     * @throws IllegalArgumentException when one does not fit
     */
    void check(int hidden, int width);
  }

  /**
   * Prefused at load.
   *
   * @param matrices one for each expert, all in one format
   */
  public record Joined(List<JoinedMatrix> matrices) implements GateUp {
    /** Copies the list and checks the formats. */
    public Joined {
      matrices = List.copyOf(matrices);
      requireOneFormat(matrices.stream().map(JoinedMatrix::packed), "joined gates and ups");
    }

    @Override
    public int experts() {
      return matrices.size();
    }

    @Override
    public void check(int hidden, int width) {
      for (JoinedMatrix matrix : matrices) {
        size(matrix.packed(), JoinedMatrix.joinedRows(width), hidden);
        if (matrix.width() != width) {
          throw new IllegalArgumentException(
              "gate and up of width " + matrix.width() + " where " + width + " fits");
        }
      }
    }
  }

  /**
   * Packed apart: for the dense and the sparse path, and to show what joining in each step costs.
   *
   * @param gate [F, D] of each expert
   * @param up [F, D] of each expert, all in one format with the gates
   */
  public record Apart(List<PackedMatrix> gate, List<PackedMatrix> up) implements GateUp {
    /** Copies the lists and checks that they are pairs. */
    public Apart {
      gate = List.copyOf(gate);
      up = List.copyOf(up);
      if (gate.size() != up.size()) {
        throw new IllegalArgumentException(gate.size() + " gates for " + up.size() + " ups");
      }
      requireOneFormat(Stream.concat(gate.stream(), up.stream()), "gates and ups");
    }

    @Override
    public void check(int hidden, int width) {
      gate.forEach(matrix -> size(matrix, width, hidden));
      up.forEach(matrix -> size(matrix, width, hidden));
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
