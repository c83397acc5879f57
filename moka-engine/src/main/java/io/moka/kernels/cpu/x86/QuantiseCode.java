package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * Quantises a row to 8 bits, or copies one that is, into the records of a panel, stride bytes
 * apart.
 *
 * <pre>
 * void quantise(x, records, stride, blocks)
 *
 * for each block of 32 columns
 *   amax = max |x|                        compared as integers, so that a NaN stays
 *   da = amax / 127
 *   a = round(x * (127 / amax))           half to even; zero where amax counts as zero
 *   for each sub-block: sum(a)
 *
 * void copy(records, to, stride, blocks)         from a row alone
 * </pre>
 */
final class QuantiseCode {
  private static final Gp X = Gp.RDI;
  private static final Gp RECORDS = Gp.RSI;
  private static final Gp STRIDE = Gp.RDX;
  private static final Gp BLOCKS = Gp.RCX;
  private static final Vec LOW = Vec.zmm(0);
  private static final Vec HIGH = Vec.zmm(1);
  private static final Vec MAX = Vec.zmm(2);
  private static final Vec OTHER = Vec.zmm(3);
  private static final Vec SCALE = Vec.zmm(4);
  private static final Vec INVERSE = Vec.zmm(5);
  private static final Vec LARGEST = Vec.zmm(6);
  private static final int LARGE_ENOUGH = 1;

  /** Predicate of VCMPPS: greater or equal, false for NaN. */
  private static final int GREATER_OR_EQUAL = 0x1D;

  private QuantiseCode() {}

  /** Writes the copying function. */
  static void emitCopy(Assembler assembler, ActivationRecord rec) {
    Vec front = LOW.as(256);
    Vec back = HIGH.as(128);
    int backOffset = rec.bytes() - 16;
    Label block = assembler.here();
    assembler.emit(Op.VMOVDQU32, front, Mem.at(X, 0));
    assembler.emit(Op.VMOVDQU32, back, Mem.at(X, backOffset));
    assembler.emit(Op.VMOVDQU32_STORE, Mem.at(RECORDS, 0), front);
    assembler.emit(Op.VMOVDQU32_STORE, Mem.at(RECORDS, backOffset), back);
    assembler.alu(Alu.ADD, X, rec.bytes());
    assembler.alu(Alu.ADD, RECORDS, STRIDE);
    assembler.alu(Alu.SUB, BLOCKS, 1);
    assembler.jump(Condition.NOT_EQUAL, block);
    assembler.vzeroupper();
    assembler.ret();
  }

  /** Writes the quantising function. */
  static void emit(Assembler assembler, ActivationRecord rec) {
    assembler.emit(Op.VBROADCASTSS, LARGEST, Constant.one(127f));
    Label block = assembler.here();
    assembler.emit(Op.VMOVUPS, LOW, Mem.at(X, 0));
    assembler.emit(Op.VMOVUPS, HIGH, Mem.at(X, 64));
    assembler.emit(Op.VPANDD, MAX, LOW, Constant.all(0x7FFFFFFF));
    assembler.emit(Op.VPANDD, OTHER, HIGH, Constant.all(0x7FFFFFFF));
    assembler.emit(Op.VPMAXSD, MAX, MAX, OTHER);
    AllLanes.reduce(assembler, Op.VPMAXSD, MAX, OTHER);
    assembler.emit(Op.VDIVPS, SCALE, MAX, LARGEST);
    assembler.compare(
        Op.VCMPPS, LARGE_ENOUGH, MAX, Constant.all(ActivationRecord.LEAST), GREATER_OR_EQUAL);
    assembler.emit(Op.VDIVPS, INVERSE.zeroing(LARGE_ENOUGH), LARGEST, MAX);
    assembler.emit(Op.VMULPS, LOW, LOW, INVERSE);
    assembler.emit(Op.VMULPS, HIGH, HIGH, INVERSE);
    assembler.emit(Op.VCVTPS2DQ, LOW, LOW);
    assembler.emit(Op.VCVTPS2DQ, HIGH, HIGH);
    assembler.emit(Op.VPMOVSDB_STORE, Mem.at(RECORDS, 0), LOW);
    assembler.emit(Op.VPMOVSDB_STORE, Mem.at(RECORDS, 16), HIGH);
    assembler.emit(Op.VMOVD_STORE, Mem.at(RECORDS, ActivationRecord.SCALE), SCALE.as(128));
    if (rec.subBlocks() == 1) {
      assembler.emit(Op.VPADDD, LOW, LOW, HIGH);
      sum(assembler, rec, LOW, ActivationRecord.SUMS);
    } else {
      sum(assembler, rec, LOW, ActivationRecord.SUMS);
      sum(assembler, rec, HIGH, ActivationRecord.SUMS + 4);
    }
    assembler.alu(Alu.ADD, X, ActivationRecord.COLUMNS * Float.BYTES);
    assembler.alu(Alu.ADD, RECORDS, STRIDE);
    assembler.alu(Alu.SUB, BLOCKS, 1);
    assembler.jump(Condition.NOT_EQUAL, block);
    assembler.vzeroupper();
    assembler.ret();
  }

  private static void sum(Assembler assembler, ActivationRecord rec, Vec values, int offset) {
    AllLanes.reduce(assembler, Op.VPADDD, values, OTHER);
    if (rec.hasOffset()) {
      assembler.emit(Op.VCVTDQ2PS, values, values);
      assembler.emit(Op.VMULPS, values, values, SCALE);
    } else {
      assembler.emit(Op.VPMULLD, values, values, Constant.all(-rec.bias()));
    }
    assembler.emit(Op.VMOVD_STORE, Mem.at(RECORDS, offset), values.as(128));
  }
}
