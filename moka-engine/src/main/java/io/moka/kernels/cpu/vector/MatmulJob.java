package io.moka.kernels.cpu.vector;

import io.moka.kernels.Rows;
import io.moka.kernels.cpu.WorkerPool;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/** out = x W^T + bias; a piece is one group of 64 outputs for up to 128 rows. */
final class MatmulJob implements WorkerPool.Job {
  /**
   * A block of 128 rows of 2,048 floats is a megabyte: it stays in the second-level cache while
   * groups pass.
   */
  private static final int BLOCK_ROWS = GroupProduct.MAX_ROWS;

  private final Scratch[] scratch;
  private Rows x;
  private PackedMatrix weights;
  private MemorySegment bias;
  private int rows;
  private Rows out;

  MatmulJob(Scratch[] scratch) {
    this.scratch = scratch;
  }

  /** Sets the arguments; returns the number of pieces. */
  int prepare(Rows x, PackedMatrix weights, MemorySegment bias, int rows, Rows out) {
    this.x = x;
    this.weights = weights;
    this.bias = bias;
    this.rows = rows;
    this.out = out;
    return weights.groups() * ((rows + BLOCK_ROWS - 1) / BLOCK_ROWS);
  }

  @Override
  public void run(int piece, int worker) {
    int group = piece % weights.groups();
    int first = piece / weights.groups() * BLOCK_ROWS;
    int end = Math.min(rows, first + BLOCK_ROWS);
    int column = group * PackedMatrix.GROUP_ROWS;
    int width = Math.min(PackedMatrix.GROUP_ROWS, weights.rows() - column);
    int strips = (width + PackedMatrix.STRIP_ROWS - 1) / PackedMatrix.STRIP_ROWS;
    long stripBytes = weights.stripBytes();
    long strip = group * PackedMatrix.GROUP_STRIPS * stripBytes;
    Scratch own = scratch[worker];
    for (int row = first; row < end; row++) {
      own.rows[row - first] = x.offsetBytes(row);
    }
    GroupProduct.multiply(
        weights.format(),
        weights.data(),
        strip,
        stripBytes,
        strips,
        weights.columns(),
        x.data(),
        end - first,
        own);
    for (int row = first; row < end; row++) {
      long to = out.offsetBytes(row) + column * (long) Float.BYTES;
      RowMath.copyWithBias(
          own.sums,
          (row - first) * StripProduct.ROW_BYTES,
          bias,
          column * (long) Float.BYTES,
          out.data(),
          to,
          width);
    }
  }
}
