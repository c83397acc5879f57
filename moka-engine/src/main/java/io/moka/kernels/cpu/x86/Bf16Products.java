package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/** Products of rows rounded to bf16 with BF16 weights. */
record Bf16Products(Bf16Functions functions) implements TileProducts {
  @Override
  public long rowBytes(int columns) {
    return Bf16Calls.panelBytes(columns, 1);
  }

  @Override
  public boolean usesAmx() {
    return false;
  }

  @Override
  public int groupsAtOnce(int rows) {
    return TileProducts.groupsAtOnce(rows, GroupCode.MAX_ROWS);
  }

  @Override
  public void quantise(
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows) {
    Bf16RowCalls.fill(
        functions.round(), 1, x, from, xStride, firstColumn, count, tiles, at, row, end, rows);
  }

  @Override
  public void multiply(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    int columns = weights.columns();
    int panels = Math.ceilDiv(count, GroupCode.MAX_ROWS);
    for (int panel = 0; panel < panels; panel++) {
      int first = panel * GroupCode.MAX_ROWS;
      Bf16Calls.product(
          functions,
          weights.data(),
          group * weights.groupBytes(),
          groups,
          columns,
          TileProducts.nextGroup(weights, group, groups),
          panel,
          panels,
          tiles,
          at + first * rowBytes(columns),
          Math.min(GroupCode.MAX_ROWS, count - first),
          scratch.sums(),
          first * groups * GroupProducts.SUM_BYTES);
    }
  }

  @Override
  public void close() {
    functions.close();
  }
}
