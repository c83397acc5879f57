package io.moka.kernels.cpu;

import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;

/**
 * Where gate and up of some experts are joined in each step, where they lie apart. Layers whose
 * gates differ in format or size take turns, so each kind has matrices of its own, which stay.
 */
final class JoinBuffers {
  /** Experts that are joined at a time. */
  static final int AT_ONCE = 16;

  private final Arena arena;
  private final List<List<JoinedMatrix>> kinds = new ArrayList<>();

  /** Buffers that live as long as an arena. */
  JoinBuffers(Arena arena) {
    this.arena = arena;
  }

  /** Room for {@link #AT_ONCE} experts with gates like one; it holds what its last user left. */
  List<JoinedMatrix> like(PackedMatrix gate) {
    for (List<JoinedMatrix> kind : kinds) {
      JoinedMatrix any = kind.getFirst();
      if (any.width() == gate.rows()
          && any.packed().columns() == gate.columns()
          && any.packed().format() == gate.format()) {
        return kind;
      }
    }
    kinds.add(allocate(gate));
    return kinds.getLast();
  }

  private List<JoinedMatrix> allocate(PackedMatrix gate) {
    List<JoinedMatrix> kind = new ArrayList<>();
    for (int i = 0; i < AT_ONCE; i++) {
      PackedMatrix packed =
          Packer.allocate(
              arena, gate.format(), JoinedMatrix.joinedRows(gate.rows()), gate.columns());
      kind.add(new JoinedMatrix(packed, gate.rows()));
    }
    return List.copyOf(kind);
  }
}
