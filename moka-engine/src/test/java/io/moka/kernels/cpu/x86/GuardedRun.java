package io.moka.kernels.cpu.x86;

import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Runs every kernel between forbidden pages; the process of {@link GuardPagesTest}. */
final class GuardedRun {
  private static final int[] BLOCKS = {1, 2, 5, 16};

  private GuardedRun() {}

  public static void main(String[] arguments) {
    if (arguments[0].equals("overrun")) {
      overrun(arguments[1].equals("end"));
      return;
    }
    CpuFeatures features = ((CpuFeatures.Found) CpuFeatures.detect()).features();
    WeightFormat format = WeightFormat.valueOf(arguments[0]);
    TileLayout layout = format.tiles().orElseThrow();
    int calls = 0;
    try (Int8Functions functions =
        ((Int8Functions.Ready) Int8Functions.load(layout, features)).functions()) {
      for (boolean atEnd : new boolean[] {true, false}) {
        for (int blocks : BLOCKS) {
          for (int rows = 1; rows <= Int8GroupCode.MAX_ROWS; rows++) {
            run(functions, blocks * format.blockElements(), rows, atEnd);
            calls++;
          }
        }
      }
    }
    System.out.println(calls + " products");
  }

  private static void run(Int8Functions functions, int columns, int rows, boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      Int8Calls calls = new Int8Calls(arena);
      long group = PackedMatrix.GROUP_STRIPS * functions.layout().stripBytes(columns);
      MemorySegment weights = arena.allocate(group, 64);
      MemorySegment x = arena.allocate(columns * 4L, 4);
      MemorySegment record = arena.allocate(functions.rec().panelBytes(columns, 1), 4);
      MemorySegment panel = arena.allocate(functions.rec().panelBytes(columns, rows), 4);
      MemorySegment out = arena.allocate(rows * Int8Calls.SUM_BYTES, 4);
      long[] outs = new long[rows];
      for (int row = 0; row < rows; row++) {
        calls.quantise(functions, x, 0, columns, panel, row, rows);
        calls.quantise(functions, x, 0, columns, record, 0, 1);
        calls.copy(functions, record, 0, columns, panel, row, rows);
        outs[row] = row * Int8Calls.SUM_BYTES;
      }
      long next = weights.address();
      calls.product(functions, weights, 0, columns, next, panel, rows, out, outs, 0);
    }
  }

  /** One byte too far, to show that the pages forbid it. */
  private static void overrun(boolean atEnd) {
    try (GuardedArena arena = new GuardedArena(atEnd)) {
      MemorySegment memory = arena.allocate(100, 1);
      long address = memory.address() + (atEnd ? 100 : -1);
      byte read = MemorySegment.ofAddress(address).reinterpret(1).get(ValueLayout.JAVA_BYTE, 0);
      System.out.println("read " + read);
    }
  }
}
