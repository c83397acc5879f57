package io.moka.kernels.cpu.vector;

import static io.moka.kernels.cpu.Lanes.FLOATS;
import static io.moka.kernels.cpu.Lanes.ORDER;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.Scratch;
import io.moka.weights.Activation;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/**
 * The products of {@link Activations#INT8X2}: a row takes two rows in the tiles of other products,
 * its first part and its second, so that each weight is read once for both; then their sums are
 * added. Formats that are not quantised are left to the other products.
 */
public final class TwoPartProducts implements GroupProducts {
  private static final int PARTS = 2;

  /** Rows whose parts the other products take in one call: whole tiles. */
  private static final int ROWS_AT_ONCE = MAX_ROWS / PARTS;

  private final GroupProducts products;

  private TwoPartProducts(GroupProducts products) {
    this.products = products;
  }

  /**
   * Products that take rows in two parts where it is asked for.
   *
   * @param products of single parts
   * @param activations which rows are rounded, and how; the same as those of the products
   * @return the products themselves where no row has two parts
   */
  public static GroupProducts around(GroupProducts products, Activations activations) {
    return activations == Activations.INT8X2 ? new TwoPartProducts(products) : products;
  }

  @Override
  public String description() {
    return products.description();
  }

  @Override
  public boolean usesTiles(WeightFormat format) {
    return products.usesTiles(format);
  }

  private static int parts(WeightFormat format) {
    return Activations.INT8X2.inTwoParts(format) ? PARTS : 1;
  }

  @Override
  public int tileRows(WeightFormat format, int rows) {
    // in two parts there are quantised formats alone, whose full tiles have an even number of rows
    // that does not depend on the block's
    int inParts = Math.min(rows * parts(format), MAX_ROWS);
    return products.tileRows(format, inParts) / parts(format);
  }

  @Override
  public long tileRowBytes(WeightFormat format, int columns) {
    return products.tileRowBytes(format, columns) * parts(format);
  }

  @Override
  public void quantise(
      WeightFormat format,
      MemorySegment x,
      long from,
      long xStride,
      int firstColumn,
      int count,
      MemorySegment tiles,
      long at,
      int row,
      int end,
      int rows,
      int columns,
      Scratch scratch) {
    if (parts(format) < PARTS) {
      products.quantise(
          format,
          x,
          from,
          xStride,
          firstColumn,
          count,
          tiles,
          at,
          row,
          end,
          rows,
          columns,
          scratch);
      return;
    }
    int all = rows * PARTS;
    MemorySegment rest = scratch.panel(count * (long) Float.BYTES);
    for (int i = row; i < end; i++) {
      long own = from + (i - row) * xStride;
      int first = i * PARTS;
      int second = first + 1;
      products.quantise(
          format, x, own, 0, firstColumn, count, tiles, at, first, second, all, columns, scratch);
      RoundedRow.rest(x, own, count, rest);
      products.quantise(
          format,
          rest,
          0,
          0,
          firstColumn,
          count,
          tiles,
          at,
          second,
          second + 1,
          all,
          columns,
          scratch);
    }
  }

  @Override
  public void gate(Activation activation, int count, Scratch scratch) {
    products.gate(activation, count, scratch);
  }

  @Override
  public int groupsAtOnce(WeightFormat format, int rows) {
    return products.groupsAtOnce(format, Math.min(rows * parts(format), MAX_ROWS));
  }

  @Override
  public void multiplyTiles(
      PackedMatrix weights,
      int group,
      int groups,
      MemorySegment tiles,
      long at,
      int count,
      Scratch scratch) {
    if (parts(weights.format()) < PARTS) {
      products.multiplyTiles(weights, group, groups, tiles, at, count, scratch);
      return;
    }
    MemorySegment sums = scratch.sums();
    long rowBytes = groups * SUM_BYTES;
    int more = count - ROWS_AT_ONCE;
    if (more > 0) {
      // first, and their results aside, since each call begins with the first row of sums; the next
      // one has 128 rows in whole tiles, so it leaves the spare rows alone
      long second = at + ROWS_AT_ONCE * tileRowBytes(weights.format(), weights.columns());
      products.multiplyTiles(weights, group, groups, tiles, second, more * PARTS, scratch);
      addPairs(sums, MAX_ROWS * SUM_BYTES, more, rowBytes);
    }
    int rows = Math.min(count, ROWS_AT_ONCE);
    products.multiplyTiles(weights, group, groups, tiles, at, rows * PARTS, scratch);
    addPairs(sums, 0, rows, rowBytes);
    if (more > 0) {
      long from = MAX_ROWS * SUM_BYTES;
      MemorySegment.copy(sums, from, sums, ROWS_AT_ONCE * rowBytes, more * rowBytes);
    }
  }

  /** Adds sums of two parts each, from the first row of sums on: row i = row 2i + row 2i+1. */
  private static void addPairs(MemorySegment sums, long to, int rows, long rowBytes) {
    for (int row = 0; row < rows; row++) {
      long first = row * PARTS * rowBytes;
      for (long i = 0; i < rowBytes; i += Lanes.BYTES) {
        FloatVector.fromMemorySegment(FLOATS, sums, first + i, ORDER)
            .add(FloatVector.fromMemorySegment(FLOATS, sums, first + rowBytes + i, ORDER))
            .intoMemorySegment(sums, to + i, ORDER);
      }
      to += rowBytes;
    }
  }

  @Override
  public void multiplyRows(
      PackedMatrix weights, int group, int groups, MemorySegment x, int count, Scratch scratch) {
    products.multiplyRows(weights, group, groups, x, count, scratch);
  }

  @Override
  public void close() {
    products.close();
  }
}
