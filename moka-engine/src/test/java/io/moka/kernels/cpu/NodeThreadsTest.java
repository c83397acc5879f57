package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.LogLines;
import io.moka.weights.RowPlacement;
import io.moka.weights.RowPlacement.Share;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class NodeThreadsTest {
  @Test
  void threadsAreSpreadAsProcessorsAre() {
    assertSpread(new MadeUpNodes(2, 2), 4, 2, 2);
    assertSpread(new MadeUpNodes(2, 2), 2, 1, 1);
    assertSpread(new MadeUpNodes(2, 2), 3, 2, 1);
    assertSpread(new MadeUpNodes(6, 2), 4, 3, 1);
    assertSpread(new MadeUpNodes(16, 16, 16), 24, 8, 8, 8);
    assertSpread(new MadeUpNodes(1, 1, 1), 7, 2, 3, 2);
    assertSpread(new MadeUpNodes(4096, 4096), 1024, 512, 512);
  }

  private static void assertSpread(MadeUpNodes machine, int threads, int... expected) {
    NodeThreads spread = machine.threads(threads);
    assertThat(spread.threads()).isEqualTo(threads);
    assertThat(spread.rows().spreads()).isTrue();
    assertThat(spread.rows().shares())
        .isEqualTo(
            IntStream.range(0, expected.length)
                .mapToObj(node -> new Share(10 + node, expected[node]))
                .toList());
    int[] counted = new int[expected.length];
    for (int thread = 0; thread < threads; thread++) {
      counted[spread.nodeOf(thread)]++;
    }
    assertThat(counted).isEqualTo(expected);
  }

  /** The number of the node, not its place, is what the system knows. */
  @Test
  void nodesWithoutThreadsAreLeftOut() {
    NodeThreads spread = new MadeUpNodes(4, 1, 4).threads(2);
    assertThat(spread.rows().shares()).containsExactly(new Share(10, 1), new Share(12, 1));
  }

  @Test
  void callersCountWhereTheyRun() {
    MadeUpNodes machine = new MadeUpNodes(4, 1, 4);
    NodeThreads spread = machine.threads(2);
    for (int processor = 0; processor < 12; processor++) {
      machine.setCurrentProcessor(processor);
      assertThat(spread.currentNode()).isEqualTo(processor >= 5 && processor < 9 ? 1 : 0);
    }
    machine.setCurrentProcessor(-1);
    assertThat(spread.currentNode()).isZero();
  }

  @Test
  void oneLineSaysWhyAllIsAsOnOneNode() {
    assertOneNode(new MadeUpNodes(2, 2).refuseToBind("no affinity"), 4, "WARNING", "no affinity");
    assertOneNode(new MadeUpNodes(2, 2).refuseToTouch("no policy"), 4, "WARNING", "no policy");
    assertOneNode(new MadeUpNodes(2, 2), 1, "INFO", "one memory node");
  }

  private static void assertOneNode(MadeUpNodes machine, int threads, String level, String reason) {
    try (LogLines log = LogLines.of(NodeThreads.class)) {
      NodeThreads plain = machine.threads(threads);
      assertThat(plain.rows()).isEqualTo(RowPlacement.NONE);
      assertThat(plain.threads()).isEqualTo(threads);
      assertThat(plain.currentNode()).isZero();
      try (WorkerPool pool = new WorkerPool(plain)) {
        pool.run(100, (piece, worker) -> {});
      }
      assertThat(log.lines())
          .singleElement()
          .asString()
          .startsWith(level)
          .contains("not placed", reason);
    }
  }

  @Test
  void thisMachineIsReadOrALineSaysWhyNot() {
    try (LogLines log = LogLines.of(NodeThreads.class)) {
      NodeThreads threads = NodeThreads.onThisMachine(2);
      assertThat(threads.threads()).isEqualTo(2);
      // a line where there is one node; none where there are several
      assertThat(log.lines()).hasSize(threads.rows().spreads() ? 0 : 1);
    }
  }

  @Test
  void aPoolNeedsAThread() {
    for (int threads : List.of(0, -1)) {
      assertThatThrownBy(() -> NodeThreads.onOneNode(threads))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }
}
