package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.TileLayout;

/**
 * The product of rows of 8 bits with quantised weights, tile by tile. The input is a panel of the
 * rows ({@link ActivationRecord}).
 *
 * <pre>
 * for each tile of a block, for each strip: the subclass
 *   codes 0..7 = the tile's codes               stay in registers for all rows
 *   for each sub-block
 *     scale, offset = those of the sub-block
 *     for each row
 *       dot = -bias sum(a) + sum over quads of code * a       exact integers
 *       sum += dot * (scale * da);  sum += offset * (da sum(a))
 * </pre>
 */
abstract class Int8TileCode extends GroupCode {
  static final Gp PANEL = Gp.RDX;
  private static final Gp TILES = Gp.RBX;

  final TileLayout layout;
  final ActivationRecord rec;
  final BlockScales scales;
  private final int panelBias;
  private final Vec temporary;

  /**
   * An emitter.
   *
   * @param mostSums sums that there are registers for
   * @param panelBias where PANEL points in a block of it, within reach of short displacements
   * @param temporary a register that is free between tiles
   */
  Int8TileCode(
      Assembler assembler,
      TileLayout layout,
      int rows,
      int mostSums,
      ReadPattern pattern,
      int panelBias,
      Vec temporary) {
    super(assembler, rows, mostSums, layout.blockBytes(), pattern);
    this.layout = layout;
    this.rec = ActivationRecord.of(layout);
    this.scales = new BlockScales(assembler, layout);
    this.panelBias = panelBias;
    this.temporary = temporary;
  }

  /** The tile of a strip: adds to its sums, or leaves that to {@link #tiles}. */
  abstract void tile(int strip, Mem tile);

  @Override
  void startPass() {
    assembler.load(PANEL, INPUT_SLOT);
    assembler.alu(Alu.ADD, PANEL, panelBias);
  }

  @Override
  void block() {
    if (layout.headerBytes() > 0) {
      for (int s = 0; s < strips; s++) {
        scales.header(Mem.at(STRIP[s], 0), room(s), temporary);
        prefetch(s, layout.headerBytes());
        assembler.alu(Alu.ADD, STRIP[s], layout.headerBytes());
      }
    }
    if (layout.blockTiles() > 1) {
      assembler.move32(TILES, layout.blockTiles());
      Label next = assembler.here();
      tiles();
      assembler.alu(Alu.SUB, TILES, 1);
      assembler.jump(Condition.NOT_EQUAL, next);
    } else {
      tiles();
    }
  }

  /** The next tile of each strip. */
  void tiles() {
    for (int s = 0; s < strips; s++) {
      tile(s);
    }
    nextRecords();
  }

  /** The next tile of a strip, and on. */
  final void tile(int strip) {
    prefetch(strip, layout.tileBytes());
    tile(strip, Mem.at(STRIP[strip], 0));
    assembler.alu(Alu.ADD, STRIP[strip], layout.tileBytes());
  }

  /** The records of the rows for the next tiles. */
  final void nextRecords() {
    assembler.alu(Alu.ADD, PANEL, rows * rec.bytes());
  }
}
