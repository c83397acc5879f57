package io.moka.kernels.cpu.x86;

/** Operations over all lanes of a register. */
final class AllLanes {
  private AllLanes() {}

  /**
   * Writes a reduction: lane i meets lane i + 8 where there are 16, then i + 4, i + 2 and i + 1.
   *
   * @param assembler takes the code
   * @param op of two registers, whose order must not matter
   * @param values 16 or 8 numbers; afterwards their result in every lane
   * @param other a register that is overwritten
   */
  static void reduce(Assembler assembler, Op op, Vec values, Vec other) {
    // halves, quarters of the vector, then pairs and neighbours within each
    if (values.bits() == 512) {
      assembler.emit(Op.VSHUFF32X4, other, values, values, 0b01_00_11_10);
      assembler.emit(op, values, values, other);
      assembler.emit(Op.VSHUFF32X4, other, values, values, 0b10_11_00_01);
    } else {
      assembler.emit(Op.VPERM2I128, other, values, values, 0b01);
    }
    assembler.emit(op, values, values, other);
    assembler.emit(Op.VPSHUFD, other, values, 0b01_00_11_10);
    assembler.emit(op, values, values, other);
    assembler.emit(Op.VPSHUFD, other, values, 0b10_11_00_01);
    assembler.emit(op, values, values, other);
  }
}
