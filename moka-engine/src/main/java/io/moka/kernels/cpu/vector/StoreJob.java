package io.moka.kernels.cpu.vector;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.kernels.Shapes;
import io.moka.kernels.SlotMap;
import io.moka.kernels.cpu.WorkerPool;
import java.lang.foreign.MemorySegment;

/** Writes keys and values into the cache; a piece is one row. */
final class StoreJob implements WorkerPool.Job {
  private static final int BLOCK = KvCache.BLOCK_TOKENS;

  private final WorkerPool pool;
  private Rows keys;
  private Rows values;
  private KvCache cache;
  private int layer;
  private SlotMap slots;
  private AttentionShape shape;

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
    pool.run(rows, this);
  }

  @Override
  public void run(int row, int worker) {
    int position = slots.position(row);
    int block = Shapes.block(slots, row, position / BLOCK, cache);
    int slot = position % BLOCK;
    MemorySegment data = cache.layer(layer);
    for (int head = 0; head < shape.kvHeads(); head++) {
      long at = (long) head * shape.headDim() * Float.BYTES;
      for (int i = 0; i < shape.headDim(); i++) {
        float key = keys.data().get(JAVA_FLOAT, keys.offsetBytes(row) + at + i * 4L);
        float value = values.data().get(JAVA_FLOAT, values.offsetBytes(row) + at + i * 4L);
        cache.type().put(data, cache.keyOffset(block, head, slot, i), key);
        cache.type().put(data, cache.valueOffset(block, head, slot, i), value);
      }
    }
  }
}
