package io.moka.kernels.cpu.x86;

import io.moka.weights.WeightFormat;

/** Brings a column of a strip of float weights, keys or values into a register. */
final class FloatColumns {
  private static final int VECTOR_BYTES = 64;

  private FloatColumns() {}

  /**
   * Writes the instructions.
   *
   * @param assembler takes the code
   * @param format F32, F16 or BF16
   * @param pair where the pair of columns begins
   * @param half which of the two
   * @param upperHalves holds 0xFFFF0000 in each lane, for BF16
   * @param to takes 16 floats
   */
  static void emit(
      Assembler assembler, WeightFormat format, Mem pair, int half, Vec upperHalves, Vec to) {
    switch (format) {
      case F32 -> assembler.emit(Op.VMOVUPS, to, pair.plus(half * VECTOR_BYTES));
      case BF16 -> {
        if (half == 0) {
          assembler.emit(Op.VPSLLD, to, pair, 16);
        } else {
          assembler.emit(Op.VPANDD, to, upperHalves, pair);
        }
      }
      case F16 -> assembler.emit(Op.VCVTPH2PS, to, pair.plus(half * VECTOR_BYTES / 2));
      default -> throw new IllegalArgumentException(format + " is quantised");
    }
  }
}
