package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * The loops of a function that brings rows of floats into the records of a panel, 32 columns at a
 * time; whoever calls it writes what happens to a block.
 *
 * <pre>
 * void fill(x, records, stride, blocks, rows, xStride)
 *   records    of the first row's first block; a row's lie stride bytes apart
 *   rows       that follow each other in the panel, and so do their records of a block
 *   xStride    bytes from a row of x to the next
 * </pre>
 */
final class PanelRows {
  /** The block's columns, and their record. */
  static final Gp FROM = Gp.RAX;

  static final Gp TO = Gp.R10;

  private static final Gp X = Gp.RDI;
  private static final Gp RECORDS = Gp.RSI;
  private static final Gp STRIDE = Gp.RDX;
  private static final Gp BLOCKS = Gp.RCX;
  private static final Gp ROWS = Gp.R8;
  private static final Gp X_STRIDE = Gp.R9;
  private static final Gp LEFT = Gp.R11;

  private PanelRows() {}

  /**
   * Writes the function's body to its end.
   *
   * @param recordBytes of a row's record of a block
   * @param block writes what is done to one; leaves the registers above alone
   */
  static void emit(Assembler assembler, int recordBytes, Runnable block) {
    Label row = assembler.here();
    assembler.move(FROM, X);
    assembler.move(TO, RECORDS);
    assembler.move(LEFT, BLOCKS);
    Label next = assembler.here();
    block.run();
    assembler.alu(Alu.ADD, FROM, ActivationRecord.COLUMNS * Float.BYTES);
    assembler.alu(Alu.ADD, TO, STRIDE);
    assembler.alu(Alu.SUB, LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    assembler.alu(Alu.ADD, X, X_STRIDE);
    assembler.alu(Alu.ADD, RECORDS, recordBytes);
    assembler.alu(Alu.SUB, ROWS, 1);
    assembler.jump(Condition.NOT_EQUAL, row);
    assembler.vzeroupper();
    assembler.ret();
  }
}
