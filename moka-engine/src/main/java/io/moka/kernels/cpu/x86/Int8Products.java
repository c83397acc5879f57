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

  @Override
  public int groupsOfRow() {
    return few.rowTakesGroups() ? GroupProducts.MAX_ROWS : 1;
  }

  @Override
  public boolean usesAmx() {
    return many.isPresent();
  }

  @Override
  public void quantise(
      MemorySegment x,
      long from,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int rows) {
    int firstBlock = firstColumn / ActivationRecord.COLUMNS;
    int blocks = count / ActivationRecord.COLUMNS;
    Int8Calls.quantise(few, x, from, firstBlock, blocks, tiles, at, row, rows);
  }

  @Override
  public void multiply(
      PackedMatrix weights,
      long group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    if (groups > 1 && count > 1) {
      throw new IllegalArgumentException(count + " rows with " + groups + " groups");
    }
    int columns = weights.columns();
    long next = TileProducts.nextGroup(weights, group, groups);
    MemorySegment sums = scratch.sums();
    if (count >= MANY_ROWS && many.isPresent()) {
      AmxInt8Functions own = many.get();
      MemorySegment chunk = scratch.panel(AmxInt8Calls.chunkBytes(own));
      AmxInt8Calls.product(
          own, weights.data(), group, columns, next, tiles, at, count, sums, 0, chunk);
      return;
    }
    if (groups > 1) {
      Int8Calls.rowProduct(few, weights.data(), group, groups, columns, next, tiles, at, sums, 0);
      return;
    }
    for (int first = 0; first < count; first += GroupCode.MAX_ROWS) {
      Int8Calls.product(
          few,
          weights.data(),
          group,
          columns,
          next,
          tiles,
          at + first * rowBytes(columns),
          Math.min(GroupCode.MAX_ROWS, count - first),
          sums,
          first * GroupProducts.SUM_BYTES);
    }
  }

  @Override
  public void close() {
    few.close();
    many.ifPresent(AmxInt8Functions::close);
  }
}
