package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * Rounds a row to bf16, into the records of a panel, stride bytes apart.
 *
 * <pre>
 * void round(x, records, stride, blocks)
 *
 * for each 16 of the 32 columns of a block
 *   a = nearest even of x, zero where |x| is below the least
 * </pre>
 */
final class Bf16RoundCode {
  private static final Gp X = Gp.RDI;
  private static final Gp RECORDS = Gp.RSI;
  private static final Gp STRIDE = Gp.RDX;
  private static final Gp BLOCKS = Gp.RCX;
  private static final int VECTOR_BYTES = 64;
  private static final int LARGE_ENOUGH = 1;

  /** Predicate of VCMPPS: not less than, true for NaN. */
  private static final int NOT_LESS = 0x15;

  private Bf16RoundCode() {}

  /** Rounds 16 floats, by way of two registers. */
  static void round(Assembler assembler, Mem from, Mem to, Vec x, Vec size) {
    assembler.emit(Op.VMOVUPS, x, from);
    assembler.emit(Op.VPANDD, size, x, Constant.all(0x7FFFFFFF));
    assembler.compare(
        Op.VCMPPS, LARGE_ENOUGH, size, Constant.all(Activations.LEAST_BF16), NOT_LESS);
    assembler.emit(Op.VCVTNEPS2BF16, x.as(256).zeroing(LARGE_ENOUGH), x);
    assembler.emit(Op.VMOVDQU32_STORE, to, x.as(256));
  }

  /** Writes the function. */
  static void emit(Assembler assembler) {
    Label block = assembler.here();
    for (int half = 0; half < 2; half++) {
      Mem from = Mem.at(X, half * VECTOR_BYTES);
      Mem to = Mem.at(RECORDS, half * VECTOR_BYTES / 2);
      round(assembler, from, to, Vec.zmm(2 * half), Vec.zmm(2 * half + 1));
    }
    assembler.alu(Alu.ADD, X, 2 * VECTOR_BYTES);
    assembler.alu(Alu.ADD, RECORDS, STRIDE);
    assembler.alu(Alu.SUB, BLOCKS, 1);
    assembler.jump(Condition.NOT_EQUAL, block);
    assembler.vzeroupper();
    assembler.ret();
  }
}
