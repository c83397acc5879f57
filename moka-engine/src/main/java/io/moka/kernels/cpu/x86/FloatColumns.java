package io.moka.kernels.cpu.x86;

import io.moka.weights.WeightFormat;

/** Brings a column of a strip of float weights, keys or values, or half of it, into a register. */
final class FloatColumns {
  private static final int VECTOR_BYTES = 64;

  private FloatColumns() {}

  /** What {@link #emit} takes from 0xFFFF0000 in each lane: a register, or a constant. */
  static Constant upperHalves(int bits) {
    return Constant.lanes(0xFFFF0000, bits);
  }

  /** Fills a register with 0xFFFF0000 in each lane. */
  static void loadUpperHalves(Assembler assembler, Vec to) {
    Constant one = new Constant(Constant.all(0xFFFF0000).words(), false);
    assembler.emit(Op.VPBROADCASTD, to, one);
  }

  /**
   * Writes the instructions.
   *
   * @param assembler takes the code
   * @param format F32, F16 or BF16
   * @param pair where the pair of columns begins
   * @param half which of the two
   * @param part which of the vectors that make up 16 rows
   * @param upperHalves 0xFFFF0000 in each lane, for BF16
   * @param to takes 16 floats, or 8
   */
  static void emit(
      Assembler assembler,
      WeightFormat format,
      Mem pair,
      int half,
      int part,
      Operand upperHalves,
      Vec to) {
    int partBytes = part * to.bits() / 8;
    Mem words = pair.plus(partBytes);
    switch (format) {
      case F32 -> assembler.emit(Op.VMOVUPS, to, words.plus(half * VECTOR_BYTES));
      case BF16 -> {
        if (half == 1 && upperHalves instanceof Vec mask) {
          assembler.emit(Op.VPANDD, to, mask, words);
        } else if (half == 0 && to.bits() == 512) {
          assembler.emit(Op.VPSLLD, to, words, 16);
        } else {
          assembler.emit(Op.VMOVDQU32, to, words);
          if (half == 0) {
            assembler.emit(Op.VPSLLD, to, to, 16);
          } else {
            assembler.emit(Op.VPANDD, to, to, upperHalves);
          }
        }
      }
      case F16 ->
          assembler.emit(Op.VCVTPH2PS, to, pair.plus((half * VECTOR_BYTES + partBytes) / 2));
      default -> throw new IllegalArgumentException(format + " is quantised");
    }
  }
}
