package io.moka.kernels.cpu;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;

/** Writes keys and values into the cache; a piece is 16 rows, all heads of few or one of many. */
final class StoreJob implements WorkerPool.Job {
  private static final int BLOCK = KvCache.BLOCK_TOKENS;

  /** Below so many rows other threads would come too late. */
  private static final int FEW_ROWS = 4;

  private final WorkerPool pool;
  private Rows keys;
  private Rows values;
  private KvCache cache;
  private int layer;
  private SlotMap slots;
  private AttentionShape shape;
  private int count;
  private int pieceHeads;

  StoreJob(WorkerPool pool) {
    this.pool = pool;
  }

  void store(
      Rows keyRows,
      Rows valueRows,
      KvCache into,
      int layerIndex,
      SlotMap slotMap,
      AttentionShape attentionShape,
      int rows) {
    keys = keyRows;
    values = valueRows;
    cache = into;
    layer = layerIndex;
    slots = slotMap;
    shape = attentionShape;
    count = rows;
    // neighbours in a block share its cache lines, so one thread takes a head of all of them
    pieceHeads = rows < FEW_ROWS ? shape.kvHeads() : 1;
    pool.run(Math.ceilDiv(rows, BLOCK) * (shape.kvHeads() / pieceHeads), this);
  }

  @Override
  public void run(int piece, int worker) {
    int pieces = shape.kvHeads() / pieceHeads;
    int first = piece / pieces * BLOCK;
    int head = piece % pieces * pieceHeads;
    for (int row = first; row < Math.min(count, first + BLOCK); row++) {
      int position = slots.position(row);
      int block = Shapes.block(slots, row, position / BLOCK, cache);
      for (int h = head; h < head + pieceHeads; h++) {
        long at = (long) h * shape.headDim() * Float.BYTES;
        cache.store(
            layer,
            block,
            h,
            position % BLOCK,
            keys.data(),
            keys.offsetBytes(row) + at,
            values.data(),
            values.offsetBytes(row) + at);
      }
    }
  }
}
