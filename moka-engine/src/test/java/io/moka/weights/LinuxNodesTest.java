package io.moka.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Asks the system that runs the tests, in threads of their own. */
class LinuxNodesTest {
  private static final long SET_MEMPOLICY = 238;
  private static final long GET_MEMPOLICY = 239;
  private static final int MPOL_DEFAULT = 0;
  private static final int MPOL_LOCAL = 4;
  private static final int EINVAL = 22;

  private NodeSystem nodes;
  private SystemCall system;

  @BeforeEach
  void findTheCalls() {
    assumeTrue(SystemCall.find().isPresent(), "not Linux on x86-64");
    system = SystemCall.find().get();
    nodes = LinuxNodes.find().orElseThrow();
  }

  private static <T> T inItsOwnThread(Callable<T> work) throws Exception {
    try (ExecutorService thread = Executors.newSingleThreadExecutor()) {
      return thread.submit(work).get();
    }
  }

  @Test
  void bindsTheCallingThread() throws Exception {
    int here = nodes.currentProcessor();
    assertThat(here).isNotNegative();
    inItsOwnThread(() -> {
      assertThat(nodes.bind(List.of(here))).isEmpty();
      for (int i = 0; i < 100; i++) {
        assertThat(nodes.currentProcessor()).isEqualTo(here);
        Thread.yield();
      }
      return null;
    });
  }

  /** Numbers that no machine has; the thread stays where it may. */
  @Test
  void saysWhyItCannotBind() throws Exception {
    Optional<String> refusal = inItsOwnThread(() -> nodes.bind(List.of(8191)));
    assertThat(refusal).contains("sched_setaffinity failed: errno " + EINVAL);
    assertThat(inItsOwnThread(() -> nodes.bind(List.of()))).isPresent();
  }

  @Test
  void touchesPagesAndLeavesTheThreadItsPolicy() throws Exception {
    inItsOwnThread(() -> {
      for (int policy : new int[] {MPOL_DEFAULT, MPOL_LOCAL}) {
        assumeTrue(system.call(SET_MEMPOLICY, policy, 0, 0, 0, 0) == 0, "no memory policies here");
        try (Arena arena = Arena.ofShared()) {
          for (long bytes : new long[] {0, 1, 4096, 5 << 20}) {
            MemorySegment memory = NativeMemory.allocate(arena, bytes);
            assertThat(nodes.touch(memory, 0)).isEmpty();
            assertThat(memory.mismatch(arena.allocate(bytes))).isEqualTo(-1);
            assertThat(policy(arena)).isEqualTo(policy);
          }
        }
      }
      return null;
    });
  }

  @Test
  void saysWhyItCannotPlace() throws Exception {
    inItsOwnThread(() -> {
      try (Arena arena = Arena.ofShared()) {
        MemorySegment memory = arena.allocate(1 << 16);
        assertThat(nodes.touch(memory, LinuxNodes.MOST_NODES - 1))
            .hasValueSatisfying(reason -> assertThat(reason).contains("mempolicy failed: errno "));
        assertThat(policy(arena)).isEqualTo(MPOL_DEFAULT);
      }
      return null;
    });
  }

  private int policy(Arena arena) {
    MemorySegment mode = arena.allocate(ValueLayout.JAVA_INT);
    assertThat(system.call(GET_MEMPOLICY, mode.address(), 0, 0, 0, 0)).isZero();
    return mode.get(ValueLayout.JAVA_INT, 0);
  }

  @Test
  void errorsAreBelowZero() {
    assertThat(system.call(100_000, 0, 0, 0, 0, 0)).isEqualTo(-38); // ENOSYS
  }
}
