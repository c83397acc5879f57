package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.weights.RowPlacement;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The pool on machines with several memory nodes, all of them made up. */
class WorkerPoolNodesTest {
  private static MadeUpNodes machine(int nodes) {
    return new MadeUpNodes(IntStream.range(0, nodes).map(node -> 4).toArray());
  }

  private static int home(RowPlacement rows, int group, int groups) {
    int home = 0;
    while (group >= rows.firstGroup(home + 1, groups)) {
      home++;
    }
    return home;
  }

  @ParameterizedTest
  @CsvSource({"2,2", "2,3", "2,8", "3,3", "3,5"})
  void everyPieceRunsOnce(int nodes, int threads) {
    try (WorkerPool pool = new WorkerPool(machine(nodes).threads(threads))) {
      assertThat(pool.threads()).isEqualTo(threads);
      for (int groups = 0; groups <= 40; groups++) {
        for (int matrices : new int[] {0, 1, 2, 3, 8, 31}) {
          int count = groups * matrices;
          AtomicIntegerArray runs = new AtomicIntegerArray(count + 1);
          AtomicInteger strangers = new AtomicInteger();
          WorkerPool.Job job =
              (piece, worker) -> {
                runs.incrementAndGet(piece);
                if (worker < 0 || worker >= threads) {
                  strangers.incrementAndGet();
                }
              };
          pool.runByRows(matrices, groups, job);
          pool.run(count, job); // jobs without rows in between
          for (int piece = 0; piece <= count; piece++) {
            int expected = piece < count ? 2 : 0;
            if (runs.get(piece) != expected) {
              assertThat(runs.get(piece))
                  .as("piece %d of %d x %d", piece, matrices, groups)
                  .isEqualTo(expected);
            }
          }
          assertThat(strangers).hasValue(0);
        }
      }
    }
  }

  /** Whoever multiplies groups of a matrix in one call relies on it. */
  @ParameterizedTest
  @CsvSource({"1,1", "1,3", "2,4", "3,3", "3,6"})
  void aRunIsOfOneMatrix(int nodes, int count) {
    try (WorkerPool pool = new WorkerPool(machine(nodes).threads(count))) {
      for (int groups : new int[] {1, 2, 5, 24, 100}) {
        int matrices = 7;
        AtomicIntegerArray runs = new AtomicIntegerArray(matrices * groups);
        AtomicInteger crossings = new AtomicInteger();
        WorkerPool.RunJob job =
            (first, pieces, worker) -> {
              if (first / groups != (first + pieces - 1) / groups) {
                crossings.incrementAndGet();
              }
              for (int piece = first; piece < first + pieces; piece++) {
                runs.incrementAndGet(piece);
              }
              if (first == 0) {
                throw new IllegalArgumentException("run");
              }
            };
        assertThatThrownBy(() -> pool.runByRows(matrices, groups, job)).hasMessage("run");
        assertThat(crossings).hasValue(0);
        if (count > 1) {
          for (int piece = 0; piece < matrices * groups; piece++) {
            assertThat(runs.get(piece)).as("piece %d of %d groups", piece, groups).isEqualTo(1);
          }
        }
      }
    }
  }

  /** Every thread waits in its first piece for all others, so none has helped anybody yet. */
  @ParameterizedTest
  @CsvSource({"2,4", "2,3", "3,3", "3,6"})
  void everyThreadBeginsAtItsOwnNode(int nodes, int count) {
    MadeUpNodes machine = machine(nodes);
    machine.setCurrentProcessor(4 * nodes - 1);
    NodeThreads threads = machine.threads(count);
    int groups = 24;
    int matrices = 5;
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int job = 0; job < 50; job++) {
        CyclicBarrier all = new CyclicBarrier(count);
        AtomicIntegerArray first = new AtomicIntegerArray(count);
        pool.runByRows(
            matrices,
            groups,
            (piece, worker) -> {
              if (first.compareAndSet(worker, 0, piece + 1)) {
                await(all);
              }
            });
        // the caller is found at the last node, whatever it counts for
        assertThat(home(threads.rows(), (first.get(0) - 1) % groups, groups)).isEqualTo(nodes - 1);
        for (int worker = 1; worker < count; worker++) {
          int group = (first.get(worker) - 1) % groups;
          assertThat(home(threads.rows(), group, groups))
              .as("worker %d of %d, group %d", worker, count, group)
              .isEqualTo(threads.nodeOf(worker));
        }
      }
    }
  }

  /** The caller sits in its first piece until the worker of the other node has done the rest. */
  @Test
  void whoHasDoneItsOwnHelpsOthersInAscendingOrder() {
    int groups = 10;
    int matrices = 3;
    NodeThreads threads = machine(2).threads(2);
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int job = 0; job < 50; job++) {
        Queue<Integer> others = new ConcurrentLinkedQueue<>();
        AtomicInteger callers = new AtomicInteger();
        CountDownLatch callerHasBegun = new CountDownLatch(1);
        CountDownLatch rest = new CountDownLatch(1);
        pool.runByRows(
            matrices,
            groups,
            (piece, worker) -> {
              if (worker == 1) {
                await(callerHasBegun);
                others.add(piece);
                if (others.size() == groups * matrices - 7) {
                  rest.countDown();
                }
              } else if (callers.getAndIncrement() == 0) {
                callerHasBegun.countDown();
                await(rest);
              }
            });
        // of the caller's 15 pieces it took a run of 7 at once, and its neighbour the others
        List<Integer> order = new ArrayList<>(others);
        assertThat(callers).hasValue(7);
        assertThat(order.subList(0, 15)).isSorted().allMatch(piece -> piece % groups >= 5);
        assertThat(order.subList(15, 23)).isSorted().allMatch(piece -> piece % groups < 5);
      }
    }
  }

  @ParameterizedTest
  @CsvSource({"2,2", "2,5", "3,3"})
  void allPiecesAreDoneBeforeAFailureIsThrown(int nodes, int threads) {
    try (WorkerPool pool = new WorkerPool(machine(nodes).threads(threads))) {
      for (int groups = 2; groups <= 60; groups++) {
        for (Throwable failure :
            new Throwable[] {new IllegalArgumentException("piece"), new OutOfMemoryError("heap")}) {
          AtomicInteger runs = new AtomicInteger();
          int ours = groups;
          assertThatThrownBy(() ->
                  pool.runByRows(
                      3,
                      ours,
                      (piece, worker) -> {
                        runs.incrementAndGet();
                        if (piece % ours == ours - 1) {
                          throwIt(failure);
                        }
                      }))
              .isSameAs(failure);
          assertThat(runs).hasValue(3 * groups);
          pool.runByRows(3, groups, (piece, worker) -> runs.decrementAndGet());
          assertThat(runs).hasValue(0);
        }
      }
    }
  }

  @Test
  void workersAreBoundAndTheCallerIsNot() {
    MadeUpNodes machine = machine(2);
    NodeThreads threads = machine.threads(6);
    int before = machine.boundThreads(); // those that tried it out
    AtomicReferenceArray<Thread> workers = new AtomicReferenceArray<>(6);
    CyclicBarrier all = new CyclicBarrier(6);
    try (WorkerPool pool = new WorkerPool(threads)) {
      pool.run(
          6 * 16 * 12,
          (piece, worker) -> {
            if (workers.compareAndSet(worker, null, Thread.currentThread())) {
              await(all);
            }
          });
    }
    assertThat(workers.get(0)).isSameAs(Thread.currentThread());
    assertThat(machine.bound(Thread.currentThread())).isEmpty();
    for (int worker = 1; worker < 6; worker++) {
      assertThat(machine.bound(workers.get(worker)))
          .as("worker %d", worker)
          .contains(worker < 3 ? List.of(0, 1, 2, 3) : List.of(4, 5, 6, 7));
    }
    assertThat(machine.boundThreads()).isEqualTo(before + 5);
  }

  @Test
  void afterCloseTheCallerDoesAllTheWork() {
    WorkerPool pool = new WorkerPool(machine(3).threads(6));
    pool.close();
    AtomicInteger runs = new AtomicInteger();
    pool.runByRows(7, 13, (piece, worker) -> runs.incrementAndGet());
    assertThat(runs).hasValue(91);
  }

  private static void await(CyclicBarrier all) {
    try {
      all.await();
    } catch (InterruptedException | BrokenBarrierException e) {
      throw new AssertionError(e);
    }
  }

  private static void await(CountDownLatch rest) {
    try {
      rest.await();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void throwIt(Throwable failure) {
    switch (failure) {
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new AssertionError(failure);
    }
  }
}
