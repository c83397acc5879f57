package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * Products of rows of 8 bits with quantised weights. Many rows are multiplied by tiles, where the
 * processor has them: the bits are the same.
 *
 * @param few for any number of rows
 * @param many for many, if there are such
 */
record Int8Products(Int8Functions few, Optional<AmxInt8Functions> many) implements TileProducts {
  /** From here on decoding a group for tiles pays (measured on a Granite Rapids). */
  private static final int MANY_ROWS = 12;

  @Override
  public long rowBytes(int columns) {
    return few.rec().panelBytes(columns, 1);
  }

  /** All rows of a block, where products take so many. */
  @Override
  public int tileRows(int rows) {
    return many.isPresent() ? GroupCode.MAX_ROWS : few.mostRows();
  }

  @Override
  public int groupsAtOnce(int rows) {
    return inTiles(rows) ? 1 : TileProducts.groupsAtOnce(rows, tileRows(rows));
  }

  private boolean inTiles(int rows) {
    return rows >= MANY_ROWS && many.isPresent();
  }

  @Override
  public boolean usesAmx() {
    return many.isPresent();
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
    Int8Calls.quantise(few, x, from, xStride, firstBlock, blocks, tiles, at, row, end, rows);
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
    if (inTiles(count)) {
      AmxInt8Functions own = many.get();
      MemorySegment chunk = scratch.panel(AmxInt8Calls.chunkBytes(own));
      AmxInt8Calls.product(
          own, weights.data(), first, columns, next, tiles, at, count, sums, 0, chunk);
      return;
    }
    int tileRows = tileRows(count);
    for (int row = 0; row < count; row += tileRows) {
      Int8Calls.product(
          few,
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
    few.close();
    many.ifPresent(AmxInt8Functions::close);
  }
}
