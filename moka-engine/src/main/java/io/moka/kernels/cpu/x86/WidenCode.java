package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvType;
import io.moka.kernels.Q8Strips;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;

/**
 * Makes strips of F32 of the keys or values of a block, in AVX-512 or AVX2: exact, the floats that
 * {@link ScoreCode} and {@link ValueCode} would make of them.
 *
 * <pre>
 * void floats(from, to, pairs)       keys or values: pairs of columns of all strips
 * void codedKeys(from, to, columns)  of one strip of {@link Q8Strips}
 * void codedValues(from, to, strips)
 * </pre>
 */
final class WidenCode {
  private static final int VECTOR_BYTES = 64;

  private static final Gp FROM = Gp.RDI;
  private static final Gp TO = Gp.RSI;
  private static final Gp COUNT = Gp.RDX;
  private static final Gp SCALES = Gp.RCX;
  private static final Gp LEFT = Gp.RAX;

  private static final Vec NUMBERS = Vec.zmm(0);
  private static final Vec SCALE = Vec.zmm(1);

  /** The System V ABI leaves 128 bytes below the stack pointer to functions that call no others. */
  private static final Mem ROOM = Mem.at(Gp.RSP, -VECTOR_BYTES);

  private WidenCode() {}

  /** Writes the function for numbers that are floats of their own. */
  static void emitFloats(Assembler assembler, WeightFormat format, int bits) {
    Vec numbers = new Vec(0, bits, 0, false);
    Vec upperHalves = new Vec(1, bits, 0, false);
    if (format == WeightFormat.BF16) {
      FloatColumns.loadUpperHalves(assembler, upperHalves);
    }
    Label pair = assembler.here();
    for (int half = 0; half < 2; half++) {
      for (int part = 0; part < SpanCode.parts(bits); part++) {
        FloatColumns.emit(assembler, format, Mem.at(FROM, 0), half, part, upperHalves, numbers);
        Mem to = Mem.at(TO, half * VECTOR_BYTES + part * bits / 8);
        assembler.emit(Op.VMOVUPS_STORE, to, numbers);
      }
    }
    assembler.alu(Alu.ADD, FROM, PackedMatrix.pairBytes(format));
    assembler.alu(Alu.ADD, TO, 2 * VECTOR_BYTES);
    next(assembler, COUNT, pair);
    end(assembler);
  }

  /** Writes the function for keys of {@link KvType#Q8}: 16 scales for each 32 columns. */
  static void emitCodedKeys(Assembler assembler) {
    assembler.move(SCALES, COUNT);
    assembler.shiftLeft(SCALES, Integer.numberOfTrailingZeros(Q8Strips.LANES));
    assembler.alu(Alu.ADD, SCALES, FROM);
    Label group = assembler.here();
    assembler.emit(Op.VCVTPH2PS, SCALE, Mem.at(SCALES, 0));
    assembler.alu(Alu.ADD, SCALES, Q8Strips.SCALES_BYTES);
    Label column = new Label();
    Label end = new Label();
    assembler.move32(LEFT, Q8Strips.KEY_GROUP);
    assembler.bind(column);
    column(assembler, 0, SCALE);
    assembler.alu(Alu.ADD, FROM, Q8Strips.LANES);
    assembler.alu(Alu.ADD, TO, VECTOR_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.EQUAL, end);
    next(assembler, LEFT, column);
    assembler.jump(group);
    assembler.bind(end);
    end(assembler);
  }

  /** Writes the function for values of {@link KvType#Q8}: a scale for each column of a strip. */
  static void emitCodedValues(Assembler assembler) {
    Label strip = assembler.here();
    assembler.emit(Op.VCVTPH2PS, SCALE, Mem.at(FROM, Q8Strips.VALUE_CODES));
    assembler.emit(Op.VMOVUPS_STORE, ROOM, SCALE);
    for (int column = 0; column < Q8Strips.LANES; column++) {
      column(assembler, column, ROOM.plus(column * Float.BYTES).toAllLanes());
    }
    assembler.alu(Alu.ADD, FROM, Q8Strips.VALUE_STRIP_BYTES);
    assembler.alu(Alu.ADD, TO, Q8Strips.LANES * VECTOR_BYTES);
    next(assembler, COUNT, strip);
    end(assembler);
  }

  private static void column(Assembler assembler, int column, Operand scale) {
    assembler.emit(Op.VPMOVSXBD, NUMBERS, Mem.at(FROM, column * Q8Strips.LANES));
    assembler.emit(Op.VCVTDQ2PS, NUMBERS, NUMBERS);
    assembler.emit(Op.VMULPS, NUMBERS, NUMBERS, scale);
    assembler.emit(Op.VMOVUPS_STORE, Mem.at(TO, column * VECTOR_BYTES), NUMBERS);
  }

  private static void next(Assembler assembler, Gp counter, Label loop) {
    assembler.alu(Alu.SUB, counter, 1);
    assembler.jump(Condition.NOT_EQUAL, loop);
  }

  private static void end(Assembler assembler) {
    assembler.vzeroupper();
    assembler.ret();
  }
}
