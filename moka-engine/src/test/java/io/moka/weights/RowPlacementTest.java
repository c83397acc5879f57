package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.moka.LogLines;
import io.moka.weights.RowPlacement.Share;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class RowPlacementTest {
  /** A part of a matrix that was to lie at a node; addresses. */
  private record Part(int node, long from, long end) {}

  private static final class Recorder implements NodeSystem {
    final List<Part> parts = new ArrayList<>();
    Optional<String> refusal = Optional.empty();

    @Override
    public Optional<String> bind(List<Integer> processors) {
      throw new AssertionError("memory binds no threads");
    }

    @Override
    public int currentProcessor() {
      throw new AssertionError("memory asks for no processor");
    }

    @Override
    public Optional<String> touch(MemorySegment memory, int node) {
      parts.add(new Part(node, memory.address(), memory.address() + memory.byteSize()));
      return refusal;
    }
  }

  private final Recorder system = new Recorder();

  private RowPlacement placement(int... threads) {
    List<Share> shares = new ArrayList<>();
    for (int count : threads) {
      shares.add(new Share(5 + shares.size(), count));
    }
    return new RowPlacement(shares, system);
  }

  @Test
  void everyGroupHasOneNode() {
    for (int[] threads : new int[][] {{1}, {1, 1}, {2, 1}, {1, 7}, {3, 2, 2}, {512, 512}}) {
      RowPlacement placement = placement(threads);
      int all = Arrays.stream(threads).sum();
      for (int groups : new int[] {0, 1, 2, 3, 5, 7, 24, 127, 2374, 33_554_432}) {
        assertThat(placement.firstGroup(0, groups)).isZero();
        assertThat(placement.firstGroup(threads.length, groups)).isEqualTo(groups);
        for (int node = 0; node < threads.length; node++) {
          int own = placement.firstGroup(node + 1, groups) - placement.firstGroup(node, groups);
          double fair = (double) groups * threads[node] / all;
          assertThat(own - fair).as("node %d, %d groups", node, groups).isBetween(-1.0, 1.0);
          assertThat(own).isNotNegative();
        }
      }
    }
  }

  @Test
  void aPackedMatrixIsTakenFromTheNodesOfItsRows() {
    RowPlacement placement = placement(2, 1, 1);
    for (int rows : new int[] {1, 63, 64, 65, 130, 321, 2048}) {
      for (WeightFormat format : new WeightFormat[] {WeightFormat.F32, WeightFormat.Q4_0}) {
        system.parts.clear();
        try (WeightArena arena = new WeightArena(placement)) {
          PackedMatrix matrix = Packer.allocate(arena, format, rows, 96);
          long from = matrix.data().address();
          long groupBytes = matrix.data().byteSize() / matrix.groups();
          assertThat(groupBytes).isEqualTo(PackedMatrix.GROUP_STRIPS * matrix.stripBytes());
          assertThat(system.parts).hasSize(3);
          for (int node = 0; node < 3; node++) {
            int first = placement.firstGroup(node, matrix.groups());
            int end = placement.firstGroup(node + 1, matrix.groups());
            assertThat(system.parts.get(node))
                .isEqualTo(new Part(5 + node, from + first * groupBytes, from + end * groupBytes));
          }
        }
      }
    }
  }

  @Test
  void aRefusalIsOneLineAndTheMemoryIsThereAllTheSame() {
    try (LogLines log = LogLines.of(WeightArena.class);
        WeightArena arena = new WeightArena(placement(1, 1))) {
      Packer.allocate(arena, WeightFormat.F32, 128, 64);
      assertThat(log.lines()).isEmpty();
      system.refusal = Optional.of("errno 1");
      for (int i = 0; i < 10; i++) {
        assertThat(Packer.allocate(arena, WeightFormat.F32, 128, 64).data().byteSize())
            .isEqualTo(128 * 64 * 4);
      }
      assertThat(log.lines()).containsExactly("WARNING weights are not placed by rows: errno 1");
      assertThat(system.parts).hasSize(3); // nobody asks again
    }
  }

  @Test
  void onOneNodeNothingIsAskedOfTheSystem() {
    try (WeightArena arena = new WeightArena(placement(4));
        Arena other = Arena.ofShared()) {
      Packer.allocate(arena, WeightFormat.F32, 128, 64);
      Packer.allocate(other, WeightFormat.F32, 128, 64);
    }
    try (WeightArena arena = new WeightArena()) {
      Packer.allocate(arena, WeightFormat.F32, 128, 64);
    }
    assertThat(system.parts).isEmpty();
  }

  @Test
  void needsNodesAndThreads() {
    assertThatIllegalArgumentException().isThrownBy(this::placement);
    assertThatIllegalArgumentException().isThrownBy(() -> placement(1, 0));
    assertThat(RowPlacement.NONE.spreads()).isFalse();
  }
}
