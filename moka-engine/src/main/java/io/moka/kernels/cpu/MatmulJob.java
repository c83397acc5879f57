package io.moka.kernels.cpu;

import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;

/** out = x W^T + bias; a piece is one group of 64 outputs for a block of up to 128 rows. */
final class MatmulJob implements WorkerPool.RunJob, AutoCloseable {
  /**
   * A block of 128 rows of 2,048 floats is a megabyte: it stays in the second-level cache while
   * groups pass.
   */
  private static final int BLOCK_ROWS = GroupProducts.MAX_ROWS;

  private final WorkerPool pool;
  private final Scratch[] scratch;
  private final GroupProducts products;
  private final QuantiseJob quantise = new QuantiseJob();
  private final ReusedMemory tiles = new ReusedMemory();
  private Rows x;
  private PackedMatrix weights;
  private MemorySegment bias;
  private int rows;
  private Rows out;
  private boolean inTiles;

  MatmulJob(WorkerPool pool, Scratch[] scratch, GroupProducts products) {
    this.pool = pool;
    this.scratch = scratch;
    this.products = products;
  }

  void multiply(
      Rows input, PackedMatrix matrix, MemorySegment biasFloats, int rowCount, Rows result) {
    if (rowCount == 0) {
      return;
    }
    x = input;
    weights = matrix;
    bias = biasFloats;
    rows = rowCount;
    out = result;
    inTiles = products.usesTiles(weights.format());
    if (inTiles) {
      tiles.reserve(rows * products.tileRowBytes(weights.format(), weights.columns()));
      pool.run(Math.ceilDiv(rows, QuantiseJob.ROWS), quantise);
    }
    pool.runByRows(Math.ceilDiv(rows, BLOCK_ROWS), weights.groups(), this);
  }

  /** A piece is some rows; they may lie in several tiles, and a tile may have more. */
  private final class QuantiseJob implements WorkerPool.Job {
    /** Few enough to keep all threads busy with a prompt, enough to be worth a call. */
    static final int ROWS = 8;

    @Override
    public void run(int piece, int worker) {
      WeightFormat format = weights.format();
      int columns = weights.columns();
      int end = Math.min(rows, (piece + 1) * ROWS);
      for (int first = piece * ROWS; first < end; ) {
        int tile = products.tileStart(format, first, rows);
        int tileEnd = products.tileEnd(format, tile, rows);
        int next = Math.min(end, tileEnd);
        products.quantise(
            format,
            x.data(),
            x.offsetBytes(first),
            x.strideBytes(),
            0,
            columns,
            tiles.segment(),
            tile * products.tileRowBytes(format, columns),
            first - tile,
            next - tile,
            tileEnd - tile,
            columns,
            scratch[worker]);
        first = next;
      }
    }
  }

  /** The first row of a piece's block. */
  private int firstRow(int piece) {
    return piece / weights.groups() * BLOCK_ROWS;
  }

  private int blockRows(int firstRow) {
    return Math.min(rows - firstRow, BLOCK_ROWS);
  }

  @Override
  public int mostAtOnce(int piece) {
    return products.groupsAtOnce(weights.format(), blockRows(firstRow(piece)));
  }

  @Override
  public void run(int piece, int groups, int worker) {
    int group = piece % weights.groups();
    int first = firstRow(piece);
    int count = blockRows(first);
    int column = group * PackedMatrix.GROUP_ROWS;
    int width = Math.min(groups * PackedMatrix.GROUP_ROWS, weights.rows() - column);
    Scratch own = scratch[worker];
    if (inTiles) {
      long at = first * products.tileRowBytes(weights.format(), weights.columns());
      products.multiplyTiles(weights, group, groups, tiles.segment(), at, count, own);
    } else {
      for (int i = 0; i < count; i++) {
        own.rows()[i] = x.offsetBytes(first + i);
      }
      products.multiplyRows(weights, group, groups, x.data(), count, own);
    }
    for (int i = 0; i < count; i++) {
      long to = out.offsetBytes(first + i) + column * (long) Float.BYTES;
      RowMath.copyWithBias(
          own.sums(),
          i * groups * GroupProducts.SUM_BYTES,
          bias,
          column * (long) Float.BYTES,
          out.data(),
          to,
          width);
    }
  }

  @Override
  public void close() {
    tiles.close();
  }
}
