package io.moka.kernels.cpu;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share out the pieces of one job at a time. The caller works too, and waits only for
 * pieces that were begun, never for a thread that has not woken up: beside a busy neighbour the
 * others do its share. Idle workers spin briefly, since the next job of a step comes within
 * microseconds, then park.
 */
public final class WorkerPool implements AutoCloseable {
  /** A job in pieces. */
  @FunctionalInterface
  public interface Job {
    /**
     * Does one piece.
     *
     * @param piece which, from 0
     * @param worker who, from 0 to threads - 1; for scratch memory
     */
    void run(int piece, int worker);
  }

  /** About 100 microseconds of pauses. */
  private static final int SPINS_BEFORE_PARKING = 3_000;

  private static final int SPINS_BEFORE_YIELDING = 10_000;

  /** Pieces that a thread takes at once: one that loses its core meanwhile keeps others waiting. */
  private static final int LONGEST_RUN = 16;

  private final Worker[] workers;

  /**
   * The number of the job in the upper half, its next piece in the lower: one swap takes a piece of
   * this job.
   */
  private final AtomicLong ticket = new AtomicLong();

  private final AtomicInteger completed = new AtomicInteger();
  private volatile int pieces;
  private volatile Throwable failure;
  private volatile boolean closed;
  private Job job;

  /**
   * Starts the workers.
   *
   * @param threads threads that work on a job, the caller's included
   */
  public WorkerPool(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException("threads " + threads + " is below 1");
    }
    workers = new Worker[threads - 1];
    for (int i = 0; i < workers.length; i++) {
      workers[i] = new Worker(i + 1);
      workers[i].start();
    }
  }

  /**
   * Threads that work on a job, the caller's included.
   *
   * @return at least 1
   */
  public int threads() {
    return workers.length + 1;
  }

  /**
   * Runs all pieces of a job and returns when the last has ended. One caller at a time.
   *
   * @param count pieces
   * @param newJob what to run
   */
  public void run(int count, Job newJob) {
    if (count <= 1 || workers.length == 0) {
      for (int piece = 0; piece < count; piece++) {
        newJob.run(piece, 0);
      }
      return;
    }
    job = newJob;
    completed.set(0);
    ticket.set((ticket.get() >>> 32) + 1 << 32);
    pieces = count;
    for (Worker worker : workers) {
      worker.wake();
    }
    work(0);
    for (int spins = 0; completed.get() < count; spins++) {
      if (spins < SPINS_BEFORE_YIELDING) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    // before the next job's ticket: a worker that still holds this one's must find no piece
    pieces = 0;
    Throwable thrown = failure;
    if (thrown != null) {
      failure = null;
      throw switch (thrown) {
        case RuntimeException e -> e;
        case Error e -> throw e;
        default -> new IllegalStateException(thrown);
      };
    }
  }

  /** Takes pieces until none is left; tells whether there was one. */
  private boolean work(int worker) {
    boolean any = false;
    while (true) {
      long taken = ticket.get();
      int piece = (int) taken;
      int end = pieces;
      if (piece >= end) {
        return any;
      }
      // a run of neighbours, which read memory on from each other; short towards the end
      int count = Math.clamp((end - piece) / (2 * threads()), 1, LONGEST_RUN);
      // succeeds only while the job is the one that the bound belongs to
      if (ticket.compareAndSet(taken, taken + count)) {
        any = true;
        for (int i = 0; i < count; i++) {
          runPiece(piece + i, worker);
        }
        // once a run: threads that count every piece wait for each other's writes
        completed.addAndGet(count);
      }
    }
  }

  private void runPiece(int piece, int worker) {
    try {
      job.run(piece, worker);
    } catch (Throwable e) {
      failure = e;
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Worker worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  private final class Worker extends Thread {
    private final int index;
    private volatile boolean parked;

    Worker(int index) {
      super("moka-worker-" + index);
      this.index = index;
      setDaemon(true);
    }

    void wake() {
      if (parked) {
        LockSupport.unpark(this);
      }
    }

    @Override
    public void run() {
      int spins = 0;
      while (!closed) {
        if (work(index)) {
          spins = 0;
        } else if (++spins < SPINS_BEFORE_PARKING) {
          Thread.onSpinWait();
        } else {
          park();
          spins = 0;
        }
      }
    }

    private void park() {
      parked = true;
      if ((int) ticket.get() >= pieces && !closed) {
        LockSupport.park(WorkerPool.this);
      }
      parked = false;
    }
  }
}
