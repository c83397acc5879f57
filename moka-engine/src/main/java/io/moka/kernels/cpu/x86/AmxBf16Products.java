package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.Scratch;
import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/**
 * Products of rows with BF16 weights, by tiles for any number of rows: their order of summation is
 * one of its own.
 */
record AmxBf16Products(AmxBf16Functions functions) implements TileProducts {
  @Override
  public long rowBytes(int columns) {
    return AmxBf16Calls.panelBytes(functions, columns, 1);
  }

  @Override
  public boolean usesAmx() {
    return true;
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
        functions.toParts(),
        functions.parts(),
        x,
        from,
        xStride,
        firstColumn,
        count,
        tiles,
        at,
        row,
        end,
        rows);
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
    AmxBf16Calls.product(
        functions,
        weights.data(),
        group * weights.groupBytes(),
        weights.columns(),
        TileProducts.nextGroup(weights, group, groups),
        tiles,
        at,
        count,
        scratch.sums(),
        0,
        scratch.panel(AmxBf16Calls.REST_BYTES));
  }

  @Override
  public void close() {
    functions.close();
  }
}
