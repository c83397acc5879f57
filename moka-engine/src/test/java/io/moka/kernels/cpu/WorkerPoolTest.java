package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class WorkerPoolTest {
  private static final int MOST_PIECES = 40;

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everyPieceOfEveryJobRunsOnce(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      assertThat(pool.threads()).isEqualTo(threads);
      for (int job = 0; job < 5_000; job++) {
        int count = job % MOST_PIECES;
        AtomicIntegerArray runs = new AtomicIntegerArray(MOST_PIECES);
        AtomicIntegerArray strangers = new AtomicIntegerArray(1);
        pool.run(
            count,
            (piece, worker) -> {
              runs.incrementAndGet(piece);
              if (worker < 0 || worker >= threads) {
                strangers.incrementAndGet(0);
              }
            });
        for (int piece = 0; piece < MOST_PIECES; piece++) {
          assertThat(runs.get(piece))
              .as("job %d, piece %d", job, piece)
              .isEqualTo(piece < count ? 1 : 0);
        }
        assertThat(strangers.get(0)).isZero();
      }
    }
  }

  /** Threads, and pieces that the job does together at most. */
  @ParameterizedTest
  @CsvSource({"1,1", "1,3", "1,100", "2,1", "2,3", "2,5"})
  void runsAreNoLongerThanTheJobTakes(int threads, int most) {
    AtomicIntegerArray runs = new AtomicIntegerArray(MOST_PIECES);
    AtomicInteger longest = new AtomicInteger();
    WorkerPool.RunJob job =
        new WorkerPool.RunJob() {
          @Override
          public int mostAtOnce(int first) {
            return most;
          }

          @Override
          public void run(int first, int count, int worker) {
            longest.accumulateAndGet(count, Math::max);
            for (int piece = first; piece < first + count; piece++) {
              runs.incrementAndGet(piece);
            }
          }
        };
    try (WorkerPool pool = new WorkerPool(threads)) {
      pool.runByRows(1, MOST_PIECES, job);
    }
    assertThat(longest).hasValue(Math.min(most, MOST_PIECES));
    for (int piece = 0; piece < MOST_PIECES; piece++) {
      assertThat(runs.get(piece)).as("piece %d", piece).isEqualTo(1);
    }
  }

  @ParameterizedTest
  @CsvSource({"1,0", "0,1"})
  void nothingIsAskedOfAJobWithoutPieces(int matrices, int groups) {
    WorkerPool.RunJob job =
        new WorkerPool.RunJob() {
          @Override
          public int mostAtOnce(int first) {
            throw new AssertionError("asked");
          }

          @Override
          public void run(int first, int count, int worker) {
            throw new AssertionError("run");
          }
        };
    for (int threads = 1; threads <= 2; threads++) {
      try (WorkerPool pool = new WorkerPool(threads)) {
        pool.runByRows(matrices, groups, job);
      }
    }
  }

  /** Pieces are handed out in runs, whose lengths depend on how many are left. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 4, 5, 6, 7, 8})
  void everyPieceOfARunRunsOnce(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int count = 0; count <= 1000; count++) {
        AtomicIntegerArray runs = new AtomicIntegerArray(count + 1);
        AtomicInteger strangers = new AtomicInteger();
        pool.run(
            count,
            (piece, worker) -> {
              runs.incrementAndGet(piece);
              if (worker < 0 || worker >= threads) {
                strangers.incrementAndGet();
              }
            });
        for (int piece = 0; piece <= count; piece++) {
          int expected = piece < count ? 1 : 0;
          if (runs.get(piece) != expected) {
            assertThat(runs.get(piece)).as("piece %d of %d", piece, count).isEqualTo(expected);
          }
        }
        assertThat(strangers).hasValue(0);
      }
    }
  }

  /** The caller's memory may go when it gets the exception: no piece may run after that. */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 8})
  void allPiecesOfARunAreDoneBeforeAFailureIsThrown(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (int count = 2; count <= 400; count++) {
        int pieces = count;
        AtomicInteger runs = new AtomicInteger();
        IllegalArgumentException failure = new IllegalArgumentException("piece");
        assertThatThrownBy(() ->
                pool.run(
                    pieces,
                    (piece, worker) -> {
                      runs.incrementAndGet();
                      if (piece % 3 == 1) {
                        throw failure;
                      }
                    }))
            .isSameAs(failure);
        assertThat(runs).hasValue(pieces);
        pool.run(pieces, (piece, worker) -> runs.decrementAndGet());
        assertThat(runs).hasValue(0);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 3})
  void whatAPieceThrowsIsWhatTheCallerGets(int threads) {
    try (WorkerPool pool = new WorkerPool(threads)) {
      for (Throwable failure :
          new Throwable[] {new IllegalArgumentException("size"), new OutOfMemoryError("heap")}) {
        assertThatThrownBy(() -> pool.run(9, (piece, worker) -> fail(piece, failure)))
            .isSameAs(failure);
        AtomicIntegerArray runs = new AtomicIntegerArray(1);
        pool.run(9, (piece, worker) -> runs.incrementAndGet(0));
        assertThat(runs.get(0)).isEqualTo(9);
      }
    }
  }

  private static void fail(int piece, Throwable failure) {
    if (piece == 5) {
      switch (failure) {
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new AssertionError(failure);
      }
    }
  }

  @Test
  void afterCloseTheCallerDoesAllTheWork() {
    WorkerPool pool = new WorkerPool(3);
    pool.close();
    pool.close();
    AtomicIntegerArray runs = new AtomicIntegerArray(1);
    pool.run(100, (piece, worker) -> runs.incrementAndGet(0));
    assertThat(runs.get(0)).isEqualTo(100);
  }

  @Test
  void aPoolNeedsAThread() {
    assertThatThrownBy(() -> new WorkerPool(0)).isInstanceOf(IllegalArgumentException.class);
  }
}
