package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.TileLayout;

/**
 * The product of rows of 8 bits with quantised weights, in AVX-512 with byte dot products. The
 * input is a panel of the rows ({@link ActivationRecord}).
 *
 * <pre>
 * for each tile of a block, for each strip
 *   codes 0..7 = the tile's codes               stay in registers for all rows
 *   for each sub-block
 *     scale, offset = those of the sub-block
 *     for each row
 *       dot = -bias sum(a) + sum over quads of code * a       exact integers
 *       sum += dot * (scale * da);  sum += offset * (da sum(a))
 * </pre>
 *
 * <p>Rows are taken four at a time, so that four chains of dot products are under way. Activations
 * are broadcast from memory within the instruction; their addresses have no index register, with
 * one the processor splits the instruction in two (16 rows: 370 against 500 GOP/s).
 */
final class Int8GroupCode extends GroupCode {
  /** Rows whose dot products are under way at once. */
  private static final int ROWS_AT_ONCE = 4;

  /** Where PANEL points in a block of it: short displacements reach 512 bytes to either side. */
  private static final int PANEL_BIAS = 256;

  private static final Gp PANEL = Gp.RDX;
  private static final Gp TILES = Gp.RBX;
  private static final Vec SCALE = Vec.zmm(28);
  private static final Vec OFFSET = Vec.zmm(29);
  private static final Vec FACTOR = Vec.zmm(30);
  private static final Vec SPARE = Vec.zmm(31);

  private final TileLayout layout;
  private final ActivationRecord rec;
  private final Vec[] codes = registers(16, CodePlanes.QUADS);
  private final Vec[] dots = registers(24, ROWS_AT_ONCE);
  private final CodePlanes planes;
  private final BlockScales scales;

  private Int8GroupCode(Assembler assembler, TileLayout layout, int rows, ReadPattern pattern) {
    super(assembler, rows, layout.blockBytes(), pattern);
    this.layout = layout;
    this.rec = ActivationRecord.of(layout);
    this.planes = new CodePlanes(assembler, layout, SPARE, dots);
    this.scales = new BlockScales(assembler, layout);
  }

  /** Writes the function for a number of rows. */
  static void emit(Assembler assembler, TileLayout layout, int rows, ReadPattern pattern) {
    new Int8GroupCode(assembler, layout, rows, pattern).function();
  }

  private static Vec[] registers(int first, int count) {
    Vec[] registers = new Vec[count];
    for (int i = 0; i < count; i++) {
      registers[i] = Vec.zmm(first + i);
    }
    return registers;
  }

  @Override
  void prepare() {
    planes.prepare();
  }

  @Override
  void startPass() {
    assembler.load(PANEL, INPUT_SLOT);
    assembler.alu(Alu.ADD, PANEL, PANEL_BIAS);
  }

  @Override
  void block() {
    if (layout.headerBytes() > 0) {
      for (int s = 0; s < strips; s++) {
        scales.header(Mem.at(STRIP[s], 0), room(s), FACTOR);
        prefetch(s, layout.headerBytes());
        assembler.alu(Alu.ADD, STRIP[s], layout.headerBytes());
      }
    }
    if (layout.blockTiles() > 1) {
      assembler.move32(TILES, layout.blockTiles());
      Label next = assembler.here();
      tile();
      assembler.alu(Alu.SUB, TILES, 1);
      assembler.jump(Condition.NOT_EQUAL, next);
    } else {
      tile();
    }
  }

  private void tile() {
    for (int s = 0; s < strips; s++) {
      prefetch(s, layout.tileBytes());
      Mem tile = Mem.at(STRIP[s], 0);
      planes.unpack(tile, codes);
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        scales.load(tile, room(s), sub, SCALE, OFFSET);
        for (int first = 0; first < rows; first += ROWS_AT_ONCE) {
          multiply(s, sub, first, Math.min(ROWS_AT_ONCE, rows - first));
        }
      }
      assembler.alu(Alu.ADD, STRIP[s], layout.tileBytes());
    }
    assembler.alu(Alu.ADD, PANEL, rows * rec.bytes());
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
