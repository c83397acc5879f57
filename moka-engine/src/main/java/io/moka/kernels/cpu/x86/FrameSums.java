package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import java.util.function.IntConsumer;

/**
 * The sums of a pass that lie in the frame of its function, row after row: where there are no
 * registers for them, and the rows that the caller wants are so far apart that they would meet in
 * the same few places of the cache.
 *
 * @param assembler takes the code
 * @param sum walks over them, from {@link GroupCode#moreRoom} on
 * @param left counts rows
 * @param loadRows writes what brings their number to {@code left}
 * @param rowBytes of a row, whole vectors
 * @param vector is overwritten
 */
record FrameSums(
    Assembler assembler, Gp sum, Gp left, Runnable loadRows, int rowBytes, Vec vector) {
  /** All are zero. */
  void clear() {
    assembler.emit(Op.VPXORD, vector, vector, vector);
    forEachRow(at -> assembler.emit(Op.VMOVUPS_STORE, Mem.at(sum, at), vector), () -> {});
  }

  /**
   * They go to where the caller wants them.
   *
   * @param to the first row there; is moved on
   * @param stride bytes from one row to the next there
   */
  void store(Gp to, Gp stride) {
    forEachRow(
        at -> {
          assembler.emit(Op.VMOVUPS, vector, Mem.at(sum, at));
          assembler.emit(Op.VMOVUPS_STORE, Mem.at(to, at), vector);
        },
        () -> assembler.alu(Alu.ADD, to, stride));
  }

  /** A loop over the rows: something for each vector of a row's sums, and for the row. */
  private void forEachRow(IntConsumer part, Runnable row) {
    assembler.address(sum, GroupCode.moreRoom());
    loadRows.run();
    Label next = assembler.here();
    for (int at = 0; at < rowBytes; at += vector.bits() / 8) {
      part.accept(at);
    }
    row.run();
    assembler.alu(Alu.ADD, sum, rowBytes);
    assembler.alu(Alu.SUB, left, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
  }
}
