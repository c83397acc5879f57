package io.moka.kernels.cpu;

import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;

/** The weighted sum of each row's choices, in ascending order of expert ids; a piece is one row. */
final class CombineJob implements WorkerPool.Job {
  private final WorkerPool pool;
  private Rows x;
  private RouterResult routing;
  private boolean accumulate;
  private Rows out;

  CombineJob(WorkerPool pool) {
    this.pool = pool;
  }

  void run(Rows results, RouterResult result, int rows, boolean addToOut, Rows sums) {
    x = results;
    routing = result;
    accumulate = addToOut;
    out = sums;
    pool.run(rows, this);
  }

  @Override
  public void run(int row, int worker) {
    long to = out.offsetBytes(row);
    if (!accumulate) {
      RowMath.zero(out.data(), to, out.columns());
    }
    int topK = routing.topK();
    int last = -1;
    for (int taken = 0; taken < topK; taken++) {
      int next = nextExpert(row, last);
      last = routing.expert(row, next);
      RowMath.addScaled(
          routing.weight(row, next),
          x.data(),
          x.offsetBytes(row * topK + next),
          out.data(),
          to,
          out.columns());
    }
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
