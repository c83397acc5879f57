package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;

/**
 * The product of {@link Int8TileCode} in AVX-512 with byte dot products.
 *
 * <p>Rows are taken four at a time, so that four chains of dot products are under way. Activations
 * are broadcast from memory within the instruction; their addresses have no index register, with
 * one the processor splits the instruction in two (16 rows: 370 against 500 GOP/s).
 */
final class Int8GroupCode extends Int8TileCode {
  /** Rows whose dot products are under way at once. */
  private static final int ROWS_AT_ONCE = 4;

  /** Short displacements reach 512 bytes to either side. */
  private static final int PANEL_BIAS = 256;

  private static final Vec SCALE = Vec.zmm(28);
  private static final Vec OFFSET = Vec.zmm(29);
  private static final Vec FACTOR = Vec.zmm(30);
  private static final Vec SPARE = Vec.zmm(31);

  private final Vec[] codes = Vec.range(16, CodePlanes.QUADS, 512);
  private final Vec[] dots = Vec.range(24, ROWS_AT_ONCE, 512);
  private final CodePlanes planes;

  private Int8GroupCode(Assembler assembler, TileLayout layout, int rows, ReadPattern pattern) {
    super(assembler, layout, rows, SUMS, pattern, PANEL_BIAS, FACTOR);
    this.planes = new CodePlanes(assembler, layout, SPARE, dots);
  }

  /** Writes the function for a number of rows. */
  static void emit(Assembler assembler, TileLayout layout, int rows, ReadPattern pattern) {
    new Int8GroupCode(assembler, layout, rows, pattern).function();
  }

  @Override
  void prepare() {
    planes.prepare();
  }

  @Override
  void tile(int strip, Mem tile) {
    planes.unpack(tile, codes);
    for (int sub = 0; sub < layout.subBlocks(); sub++) {
      scales.load(tile, room(strip), sub, SCALE, OFFSET);
      for (int first = 0; first < rows; first += ROWS_AT_ONCE) {
        multiply(strip, sub, first, Math.min(ROWS_AT_ONCE, rows - first));
      }
    }
  }

  private void multiply(int strip, int sub, int first, int count) {
    int sumOffset = ActivationRecord.SUMS + 4 * sub;
    for (int i = 0; i < count; i++) {
      if (layout.scales().hasOffset()) {
        assembler.emit(Op.VPXORD, dots[i], dots[i], dots[i]);
      } else {
        assembler.emit(Op.VPBROADCASTD, dots[i], activation(first + i, sumOffset));
      }
    }
    int quads = CodePlanes.QUADS / layout.subBlocks();
    for (int q = sub * quads; q < (sub + 1) * quads; q++) {
      for (int i = 0; i < count; i++) {
        assembler.emit(Op.VPDPBUSD, dots[i], codes[q], activation(first + i, 4 * q).toAllLanes());
      }
    }
    for (int i = 0; i < count; i++) {
      Vec sum = sum(strip, first + i);
      assembler.emit(Op.VCVTDQ2PS, dots[i], dots[i]);
      assembler.emit(
          Op.VMULPS, FACTOR, SCALE, activation(first + i, ActivationRecord.SCALE).toAllLanes());
      assembler.emit(Op.VFMADD231PS, sum, dots[i], FACTOR);
      if (layout.scales().hasOffset()) {
        assembler.emit(Op.VFMADD231PS, sum, OFFSET, activation(first + i, sumOffset).toAllLanes());
      }
    }
  }

  private Mem activation(int row, int offset) {
    return Mem.at(PANEL, row * rec.bytes() + offset - PANEL_BIAS);
  }
}
