package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Products of rows of 8 bits with quantised weights. Many rows are multiplied by AMX, where the
 * processor has it: the bits are the same.
 *
 * @param functions for any number of rows
 * @param amx for many, if there are such
 */
record Int8Products(Int8Functions functions, Optional<AmxInt8Functions> amx)
    implements TileProducts {
  /** From here on decoding a group for AMX pays (measured on a Granite Rapids). */
  private static final int AMX_ROWS = 12;

  @Override
  public long rowBytes(int columns) {
    return functions.rec().panelBytes(columns, 1);
  }

  /** All rows of a block, where products take so many. */
  @Override
  public int tileRows(int rows) {
    return amx.isPresent() ? GroupCode.MAX_ROWS : functions.mostRows();
  }

  @Override
  public int groupsAtOnce(int rows) {
    return byAmx(rows) ? 1 : TileProducts.groupsAtOnce(rows, tileRows(rows));
  }

  private boolean byAmx(int rows) {
    return rows >= AMX_ROWS && amx.isPresent();
  }

  @Override
  public boolean usesAmx() {
    return amx.isPresent();
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
    int firstBlock = firstColumn / ActivationRecord.COLUMNS;
    int blocks = count / ActivationRecord.COLUMNS;
    Int8Calls.quantise(functions, x, from, xStride, firstBlock, blocks, tiles, at, row, end, rows);
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
    long next = TileProducts.nextGroup(weights, group, groups);
    MemorySegment sums = scratch.sums();
    long first = group * weights.groupBytes();
    if (byAmx(count)) {
      AmxInt8Functions own = amx.get();
      MemorySegment chunk = scratch.panel(AmxInt8Calls.chunkBytes(own));
      AmxInt8Calls.product(
          own, weights.data(), first, columns, next, tiles, at, count, sums, 0, chunk);
      return;
    }
    int tileRows = tileRows(count);
    for (int row = 0; row < count; row += tileRows) {
      Int8Calls.product(
          functions,
          weights.data(),
          first,
          groups,
          columns,
          next,
          tiles,
          at + row * rowBytes(columns),
          Math.min(tileRows, count - row),
          sums,
          row * groups * GroupProducts.SUM_BYTES);
    }
  }

  @Override
  public void close() {
    functions.close();
    amx.ifPresent(AmxInt8Functions::close);
  }
}
