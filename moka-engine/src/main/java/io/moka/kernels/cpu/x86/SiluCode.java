package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * What gate and up of an expert yield together, in AVX-512 or AVX2, where SiLU is the activation.
 *
 * <pre>
 * void silu(sums, count)
 *   sums     count x 64 floats: 32 of gate, 32 of up; afterwards count x 32
 *
 * for each of count, for each vector of the 32
 *   sums = gate / (1 + e^-gate) * up
 * </pre>
 */
final class SiluCode {
  private static final Gp FROM = Gp.RDI;
  private static final Gp COUNT = Gp.RSI;
  private static final Gp TO = Gp.RAX;

  /** Bytes of gate, and of up. */
  private static final int HALF_BYTES = (int) GroupProducts.SUM_BYTES / 2;

  private SiluCode() {}

  /**
   * Writes the function.
   *
   * @param bits of its vectors: 512, or 256 for AVX2
   */
  static void emit(Assembler assembler, int bits) {
    Vec gate = new Vec(0, bits, 0, false);
    Vec x = new Vec(1, bits, 0, false);
    Exponential exponential = new Exponential(assembler, Vec.range(2, Exponential.REGISTERS, bits));
    exponential.prepare();
    assembler.move(TO, FROM);
    Label next = assembler.here();
    for (int at = 0; at < HALF_BYTES; at += bits / 8) {
      assembler.emit(Op.VMOVUPS, gate, Mem.at(FROM, at));
      assembler.emit(Op.VPXORD, x, gate, Constant.lanes(0x8000_0000, bits));
      Vec power = exponential.of(x);
      assembler.emit(Op.VADDPS, power, power, exponential.one());
      assembler.emit(Op.VDIVPS, gate, gate, power);
      assembler.emit(Op.VMULPS, gate, gate, Mem.at(FROM, HALF_BYTES + at));
      // item i goes where item i / 2 was: nothing is overwritten unread
      assembler.emit(Op.VMOVUPS_STORE, Mem.at(TO, at), gate);
    }
    assembler.alu(Alu.ADD, FROM, 2 * HALF_BYTES);
    assembler.alu(Alu.ADD, TO, HALF_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    assembler.vzeroupper();
    assembler.ret();
  }
}
