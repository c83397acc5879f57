package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.weights.ExpertWeights.Apart;
import io.moka.weights.ExpertWeights.Joined;
import java.lang.foreign.Arena;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ExpertWeightsTest {
  private final Arena arena = Arena.ofShared();
  private final PackedMatrix gate = matrix(WeightFormat.F32, 40, 33);
  private final PackedMatrix down = matrix(WeightFormat.F32, 33, 40);

  @AfterEach
  void close() {
    arena.close();
  }

  @Test
  void takesMatricesThatFit() {
    JoinedMatrix both = new JoinedMatrix(matrix(WeightFormat.F32, 128, 33), 40);
    assertThat(weights(new Joined(List.of(both, both)), down, down).experts()).isEqualTo(2);
    assertThat(weights(new Apart(List.of(gate), List.of(gate)), down).experts()).isOne();
  }

  @Test
  void refusesMatricesThatDoNotFit() {
    JoinedMatrix otherWidth = new JoinedMatrix(matrix(WeightFormat.F32, 128, 33), 41);
    JoinedMatrix otherColumns = new JoinedMatrix(matrix(WeightFormat.F32, 128, 32), 40);
    JoinedMatrix both = new JoinedMatrix(matrix(WeightFormat.F32, 128, 33), 40);
    JoinedMatrix otherFormat = new JoinedMatrix(matrix(WeightFormat.F16, 128, 33), 40);
    PackedMatrix half = matrix(WeightFormat.F16, 40, 33);
    PackedMatrix otherDown = matrix(WeightFormat.F16, 33, 40);
    List<PackedMatrix> one = List.of(gate);
    List<Runnable> wrong =
        List.of(
            () -> weights(new Apart(List.of(), List.of())),
            () -> weights(new Apart(one, one), down, down),
            () -> weights(new Apart(one, one), gate),
            () -> weights(new Apart(one, List.of(down)), down),
            () -> weights(new Apart(List.of(down), one), down),
            () -> weights(new Apart(one, List.of(gate, gate)), down),
            () -> weights(new Apart(one, List.of(half)), down),
            () -> weights(new Apart(List.of(gate, half), List.of(gate, half)), down, down),
            () -> weights(new Apart(List.of(gate, gate), List.of(gate, gate)), down, otherDown),
            () -> weights(new Joined(List.of(both, otherFormat)), down, down),
            () -> weights(new Joined(List.of(otherWidth)), down),
            () -> weights(new Joined(List.of(otherColumns)), down));
    for (Runnable make : wrong) {
      assertThatThrownBy(make::run).isInstanceOf(IllegalArgumentException.class);
    }
  }

  private static ExpertWeights weights(ExpertWeights.GateUp gateUp, PackedMatrix... down) {
    return new ExpertWeights(gateUp, List.of(down), Activation.SILU, 33, 40);
  }

  private PackedMatrix matrix(WeightFormat format, int rows, int columns) {
    return Packer.allocate(arena, format, rows, columns);
  }
}
