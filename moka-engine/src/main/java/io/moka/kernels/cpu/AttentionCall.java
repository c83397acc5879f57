package io.moka.kernels.cpu;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.kernels.SlotMap;

/** The arguments of one call of attention, for all its workers; set before each run. */
final class AttentionCall {
  Rows queries;
  KvCache cache;
  int layer;
  SlotMap slots;
  AttentionShape shape;
  int rows;
  Rows out;

  void set(
      Rows queryRows,
      KvCache from,
      int layerIndex,
      SlotMap slotMap,
      AttentionShape attentionShape,
      int rowCount,
      Rows result) {
    queries = queryRows;
    cache = from;
    layer = layerIndex;
    slots = slotMap;
    shape = attentionShape;
    rows = rowCount;
    out = result;
  }

  /** The first position that a row sees. */
  int firstVisible(int row) {
    return Math.max(0, slots.position(row) - (shape.window() - 1));
  }

  /** The first position that a row sees of the span that begins somewhere. */
  int firstSeen(int row, int start) {
    return Math.max(firstVisible(row), start);
  }

  /** The position after the last that a row sees of that span; not beyond the first if none. */
  int endSeen(int row, int start) {
    return Math.min(slots.position(row) + 1, start + Kernels.SPAN_TOKENS);
  }

  /** The first span that a row sees something of. */
  int firstSpan(int row) {
    return firstVisible(row) / Kernels.SPAN_TOKENS;
  }

  /** How many spans a row sees something of. */
  int spans(int row) {
    return slots.position(row) / Kernels.SPAN_TOKENS - firstSpan(row) + 1;
  }

  /** Where a head of a row begins in the result, in bytes. */
  long outOffset(int row, int head) {
    return out.offsetBytes(row) + (long) head * shape.headDim() * Float.BYTES;
  }
}
