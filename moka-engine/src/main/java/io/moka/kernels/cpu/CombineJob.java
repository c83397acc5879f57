package io.moka.kernels.cpu;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;

/** The weighted sum of each row's choices, in ascending order of expert ids; a piece is one row. */
final class CombineJob implements WorkerPool.Job {
  private final WorkerPool pool;

  /** Of each worker: the weights of a row's choices and where their results lie, in that order. */
  private final float[][] weights;

  private final long[][] results;
  private Rows x;
  private RouterResult routing;
  private boolean accumulate;
  private Rows out;

  CombineJob(WorkerPool pool) {
    this.pool = pool;
    weights = new float[pool.threads()][0];
    results = new long[pool.threads()][0];
  }

  void run(Rows resultRows, RouterResult result, int rows, boolean addToOut, Rows sums) {
    x = resultRows;
    routing = result;
    accumulate = addToOut;
    out = sums;
    pool.run(rows, this);
  }

  @Override
  public void run(int row, int worker) {
    int topK = routing.topK();
    if (weights[worker].length < topK) {
      weights[worker] = new float[topK];
      results[worker] = new long[topK];
    }
    int last = -1;
    for (int taken = 0; taken < topK; taken++) {
      int next = nextExpert(row, last);
      last = routing.expert(row, next);
      weights[worker][taken] = routing.weight(row, next);
      results[worker][taken] = x.offsetBytes(row * topK + next);
    }
    long to = out.offsetBytes(row);
    if (!accumulate) {
      RowMath.zero(out.data(), to, out.columns());
    }
    RowMath.addWeighted(
        weights[worker], x.data(), results[worker], topK, out.data(), to, out.columns());
  }

  /** The rank of the lowest expert above the last one. */
  private int nextExpert(int row, int last) {
    int next = -1;
    for (int rank = 0; rank < routing.topK(); rank++) {
      int expert = routing.expert(row, rank);
      if (expert > last && (next < 0 || expert < routing.expert(row, next))) {
        next = rank;
      }
    }
    return next;
  }
}
