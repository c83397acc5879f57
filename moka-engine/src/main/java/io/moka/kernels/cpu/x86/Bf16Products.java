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

  /**
   * One tile that holds all rows reads weights once. Where there must be several, all but the last
   * have equally many rows, at most as many as two strips take: few read the weights for little.
   */
  @Override
  public int tileRows(int rows) {
    return rows <= GroupCode.MAX_ROWS
        ? rows
        : Math.ceilDiv(rows, Math.ceilDiv(rows, Bf16GroupCode.TWO_STRIP_ROWS));
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
    int tileRows = tileRows(count);
    int panels = Math.ceilDiv(count, tileRows);
    for (int panel = 0; panel < panels; panel++) {
      int first = panel * tileRows;
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
          Math.min(tileRows, count - first),
          scratch.sums(),
          first * groups * GroupProducts.SUM_BYTES);
    }
  }

  @Override
  public void close() {
    functions.close();
  }
}
