package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class JoinBuffersTest {
  private final Arena arena = Arena.ofShared();
  private final JoinBuffers buffers = new JoinBuffers(arena);

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void layersOfDifferentKindsThatTakeTurnsKeepTheirBuffers() {
    PackedMatrix floats = gate(WeightFormat.F32, 40, 64);
    List<PackedMatrix> gates =
        List.of(
            floats,
            gate(WeightFormat.Q8_0, 40, 64),
            gate(WeightFormat.F32, 41, 64),
            gate(WeightFormat.F32, 40, 96));
    List<List<JoinedMatrix>> first = gates.stream().map(buffers::like).toList();
    assertThat(first).doesNotHaveDuplicates();
    for (int i = 0; i < gates.size(); i++) {
      assertThat(buffers.like(gates.get(i))).isSameAs(first.get(i));
    }
    assertThat(buffers.like(gate(WeightFormat.F32, 40, 64))).isSameAs(first.getFirst());
  }

  @Test
  void eachExpertHasRoomForItsGateAndUp() {
    List<JoinedMatrix> joined = buffers.like(gate(WeightFormat.Q8_0, 40, 64));
    assertThat(joined).hasSize(JoinBuffers.AT_ONCE).doesNotHaveDuplicates();
    for (JoinedMatrix matrix : joined) {
      assertThat(matrix.width()).isEqualTo(40);
      assertThat(matrix.packed().format()).isEqualTo(WeightFormat.Q8_0);
      assertThat(matrix.packed().columns()).isEqualTo(64);
    }
  }

  private PackedMatrix gate(WeightFormat format, int rows, int columns) {
    return Packer.allocate(arena, format, rows, columns);
  }
}
