package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;

/**
 * Rounds rows to bf16, as {@link PanelRows} goes through them.
 *
 * <pre>
 * for each 16 of the 32 columns of a block
 *   a = nearest even of x, zero where |x| is below the least
 * </pre>
 */
final class Bf16RoundCode {
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
    PanelRows.emit(
        assembler,
        Bf16GroupCode.RECORD_BYTES,
        () -> {
          for (int half = 0; half < 2; half++) {
            Mem from = Mem.at(PanelRows.FROM, half * VECTOR_BYTES);
            Mem to = Mem.at(PanelRows.TO, half * VECTOR_BYTES / 2);
            round(assembler, from, to, Vec.zmm(2 * half), Vec.zmm(2 * half + 1));
          }
        });
  }
}
