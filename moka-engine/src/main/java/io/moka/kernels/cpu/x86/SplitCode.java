package io.moka.kernels.cpu.x86;

/**
 * Splits rows into three parts of bf16 whose sum they are, exactly: each takes the 8 leading bits
 * of what is left. {@link PanelRows} goes through them.
 *
 * <pre>
 * for each 16 of the 32 columns of a block, for each part
 *   part = x without its lower 16 bits
 *   x -= part                           zero where x is infinite or none
 * </pre>
 */
final class SplitCode {
  /** Parts of a row. */
  static final int PARTS = 3;

  private static final int VECTOR_BYTES = GroupCode.VECTOR_BYTES;
  private static final int NONE = 1;
  private static final int FINITE = 2;

  /** Predicates of VCMPPS. */
  private static final int UNORDERED = 0x03;

  private static final int LESS_THAN = 0x11;

  private SplitCode() {}

  /** Writes the function. */
  static void emit(Assembler assembler) {
    PanelRows.emit(assembler, PARTS * VECTOR_BYTES, () -> block(assembler));
  }

  private static void block(Assembler assembler) {
    for (int half = 0; half < 2; half++) {
      Vec x = Vec.zmm(3 * half);
      Vec part = Vec.zmm(3 * half + 1);
      Vec narrow = Vec.zmm(3 * half + 2);
      assembler.emit(Op.VMOVUPS, x, Mem.at(PanelRows.FROM, half * VECTOR_BYTES));
      assembler.compare(Op.VCMPPS, NONE, x, x, UNORDERED);
      // a NaN keeps a bit that stays
      assembler.emit(Op.VPORD, x.merging(NONE), x, Constant.all(0x0040_0000));
      assembler.emit(Op.VPANDD, part, x, Constant.all(0x7FFF_FFFF));
      Constant infinity = Constant.all(Float.POSITIVE_INFINITY);
      assembler.compare(Op.VCMPPS, FINITE, part, infinity, LESS_THAN);
      for (int i = 0; i < PARTS; i++) {
        assembler.emit(Op.VPANDD, part, x, Constant.all(0xFFFF_0000));
        assembler.emit(Op.VPSRLD, narrow, part, 16);
        Mem to = Mem.at(PanelRows.TO, i * VECTOR_BYTES + half * VECTOR_BYTES / 2);
        assembler.emit(Op.VPMOVDW, to, narrow);
        if (i + 1 < PARTS) {
          assembler.emit(Op.VSUBPS, x.zeroing(FINITE), x, part);
        }
      }
    }
  }

  /** A part of a number, by the same steps: 0, 1 or 2. */
  static short part(float x, int index) {
    float left = Float.isNaN(x) ? Float.intBitsToFloat(Float.floatToRawIntBits(x) | 0x40_0000) : x;
    for (int i = 0; i < index; i++) {
      float first = Float.intBitsToFloat(Float.floatToRawIntBits(left) & 0xFFFF_0000);
      left = Float.isFinite(x) ? left - first : 0;
    }
    return (short) (Float.floatToRawIntBits(left) >>> 16);
  }
}
