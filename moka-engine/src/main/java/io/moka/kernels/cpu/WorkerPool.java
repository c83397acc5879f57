package io.moka.kernels.cpu;

import io.moka.weights.RowPlacement;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.locks.LockSupport;

/**
 * Threads that share out the pieces of one job at a time. The caller works too, and waits only for
 * pieces that were begun, never for a thread that has not woken up: beside a busy neighbour the
 * others do its share. Idle workers spin briefly, since the next job of a step comes within
 * microseconds, then park.
 *
 * <p>Where threads are spread over memory nodes, each worker is bound to its own, and takes the
 * pieces whose rows lie there before it helps with others. The caller's thread is never bound: it
 * counts for the node where it is found, and the system has a processor left for it.
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

  /** A job that does pieces together where they follow each other. */
  public interface RunJob extends Job {
    /**
     * Pieces that are done together at most.
     *
     * @param first the first of them
     * @return at least 1, the same for all pieces of a matrix of {@link #runByRows}
     */
    default int mostAtOnce(int first) {
      return Integer.MAX_VALUE;
    }

    /**
     * Does some pieces; those of {@link #runByRows} are of one matrix.
     *
     * @param first the first of them
     * @param count how many, up to {@link #mostAtOnce}
     * @param worker who
     */
    void run(int first, int count, int worker);

    @Override
    default void run(int piece, int worker) {
      run(piece, 1, worker);
    }
  }

  /** About 100 microseconds of pauses. */
  private static final int SPINS_BEFORE_PARKING = 3_000;

  private static final int SPINS_BEFORE_YIELDING = 10_000;

  /** Pieces that a thread takes at once: one that loses its core meanwhile keeps others waiting. */
  private static final int LONGEST_RUN = 16;

  /** Where no job is under way. */
  private static final long NONE = -1;

  private final NodeThreads threads;
  private final Worker[] workers;

  /** One for each memory node; where rows do not matter, the first has all pieces. */
  private final Share[] shares;

  private final AtomicInteger completed = new AtomicInteger();

  /** The number of the job whose pieces may be taken; all its shares are there. */
  private volatile long open = NONE;

  private volatile Throwable failure;
  private volatile boolean closed;
  private Job job;
  private long number; // of the job, 32 bits

  /**
   * Starts the workers.
   *
   * @param threads threads that work on a job, the caller's included
   */
  public WorkerPool(int threads) {
    this(NodeThreads.onOneNode(threads));
  }

  /**
   * Starts the workers.
   *
   * @param threads threads that work on a job, the caller's included
   */
  public WorkerPool(NodeThreads threads) {
    this.threads = threads;
    shares = new Share[threads.rows().shares().size()];
    AtomicLongArray tickets = new AtomicLongArray((shares.length + 1) * Share.STRIDE);
    for (int i = 0; i < shares.length; i++) {
      shares[i] = new Share(tickets, (i + 1) * Share.STRIDE);
    }
    workers = new Worker[threads.threads() - 1];
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
    if (runsAlone(1, count, newJob)) {
      return;
    }
    begin(newJob);
    shares[0].offer(number, 1, count, 0, count, threads());
    for (int i = 1; i < shares.length; i++) {
      shares[i].offer(number, 0, count, 0, count, 1);
    }
    finish(count, 0);
  }

  /**
   * As {@link #run}, for pieces that read rows of packed matrices: each runs at the memory node of
   * its rows, as long as the threads there keep up.
   *
   * @param matrices how often the groups come: matrices, times blocks of inputs
   * @param groups groups of a matrix; piece p reads group p % groups
   * @param newJob what to run
   */
  public void runByRows(int matrices, int groups, Job newJob) {
    int count = matrices * groups;
    if (count == 0 || runsAlone(matrices, groups, newJob)) {
      return;
    }
    begin(newJob);
    if (shares.length == 1) {
      shares[0].offer(number, matrices, groups, 0, groups, threads());
      finish(count, 0);
      return;
    }
    RowPlacement rows = threads.rows();
    for (int i = 0; i < shares.length; i++) {
      int first = rows.firstGroup(i, groups);
      int own = rows.firstGroup(i + 1, groups) - first;
      shares[i].offer(number, matrices, groups, first, own, rows.shares().get(i).threads());
    }
    finish(count, threads.currentNode());
  }

  private boolean runsAlone(int matrices, int groups, Job newJob) {
    if (matrices * groups > 1 && workers.length > 0) {
      return false;
    }
    if (newJob instanceof RunJob runs) {
      for (int matrix = 0; matrix < matrices; matrix++) {
        runTogether(runs, matrix * groups, groups, 0);
      }
      return true;
    }
    for (int piece = 0; piece < matrices * groups; piece++) {
      newJob.run(piece, 0);
    }
    return true;
  }

  /** Pieces of one matrix, as many at once as the job takes. */
  private static void runTogether(RunJob job, int first, int count, int worker) {
    int most = job.mostAtOnce(first);
    for (int done = 0; done < count; ) {
      int run = Math.min(most, count - done);
      job.run(first + done, run, worker);
      done += run;
    }
  }

  private void begin(Job newJob) {
    job = newJob;
    number = number + 1 & 0xFFFF_FFFFL;
    completed.set(0);
  }

  private void finish(int count, int node) {
    open = number;
    for (Worker worker : workers) {
      worker.wake();
    }
    work(0, node);
    for (int spins = 0; completed.get() < count; spins++) {
      if (spins < SPINS_BEFORE_YIELDING) {
        Thread.onSpinWait();
      } else {
        Thread.yield();
      }
    }
    open = NONE;
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

  /** Takes pieces until none is left, those of a node first; tells whether there was one. */
  private boolean work(int worker, int node) {
    long current = open;
    boolean any = work(worker, shares[node], current);
    for (int i = node + 1; i < node + shares.length; i++) {
      any |= work(worker, shares[i % shares.length], current);
    }
    return any;
  }

  private boolean work(int worker, Share share, long current) {
    boolean any = false;
    while (true) {
      long taken = share.ticket();
      int next = (int) taken;
      int end = share.size;
      if (taken >>> 32 != current || next >= end) {
        return any;
      }
      // a run of neighbours, which read memory on from each other; short towards the end
      int count = Math.clamp((end - next) / (2 * share.threads), 1, LONGEST_RUN);
      // succeeds only while the job is the one that the size belongs to: the next job's comes after
      // its ticket
      if (share.take(taken, count)) {
        any = true;
        runPieces(share, next, count, worker);
        // once a run: threads that count every piece wait for each other's writes
        completed.addAndGet(count);
      }
    }
  }

  private boolean hasPieces() {
    long current = open;
    for (Share share : shares) {
      long taken = share.ticket();
      if (taken >>> 32 == current && (int) taken < share.size) {
        return true;
      }
    }
    return false;
  }

  private void runPieces(Share share, int first, int count, int worker) {
    if (job instanceof RunJob runs) {
      runMatrices(runs, share, first, count, worker);
      return;
    }
    for (int i = 0; i < count; i++) {
      try {
        job.run(share.piece(first + i), worker);
      } catch (Throwable e) {
        failure = e;
      }
    }
  }

  private void runMatrices(RunJob runs, Share share, int first, int count, int worker) {
    for (int done = 0; done < count; ) {
      int run = Math.min(count - done, share.restOfMatrix(first + done));
      try {
        runTogether(runs, share.piece(first + done), run, worker);
      } catch (Throwable e) {
        failure = e;
      }
      done += run;
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Worker worker : workers) {
      LockSupport.unpark(worker);
    }
  }

  /** The pieces of a job that are one memory node's. */
  private static final class Share {
    /** From one ticket to the next: threads of other nodes write to other pairs of cache lines. */
    static final int STRIDE = 128 / Long.BYTES;

    private final AtomicLongArray tickets;
    private final int own;

    // of the job that the ticket names, set after it and before the job is open
    volatile int size;
    int threads = 1;
    private int groups;
    private int firstGroup;
    private int ownGroups;

    Share(AtomicLongArray tickets, int own) {
      this.tickets = tickets;
      this.own = own;
    }

    /**
     * The number of the job in the upper half, how many pieces were taken in the lower: one swap
     * takes a piece of this job.
     */
    long ticket() {
      return tickets.get(own);
    }

    /** Takes some pieces, unless others were taken since the ticket was read. */
    boolean take(long ticket, int count) {
      return tickets.compareAndSet(own, ticket, ticket + count);
    }

    /** Offers pieces of some groups of each matrix, to be shared among so many threads. */
    void offer(long number, int matrices, int groups, int firstGroup, int ownGroups, int threads) {
      tickets.set(own, number << 32);
      size = matrices * ownGroups;
      this.groups = groups;
      this.firstGroup = firstGroup;
      this.ownGroups = ownGroups;
      this.threads = threads;
    }

    /** Pieces from one on that are of its matrix. */
    int restOfMatrix(int index) {
      return ownGroups - index % ownGroups;
    }

    /** The pieces in ascending order. */
    int piece(int index) {
      return ownGroups == groups
          ? index
          : index / ownGroups * groups + firstGroup + index % ownGroups;
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
      threads.bind(index);
      int node = threads.nodeOf(index);
      int spins = 0;
      while (!closed) {
        if (work(index, node)) {
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
      if (!hasPieces() && !closed) {
        LockSupport.park(WorkerPool.this);
      }
      parked = false;
    }
  }
}
