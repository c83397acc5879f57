package io.moka.kernels.cpu.x86;

import io.moka.kernels.Activations;
import java.util.List;

/**
 * Quantises rows to 8 bits, as {@link PanelRows} goes through them.
 *
 * <pre>
 * for each block of 32 columns
 *   amax = max |x|                        compared as integers, so that a NaN stays
 *   da = amax / 127
 *   a = round(x * (127 / amax))           half to even; zero where amax counts as zero
 *   for each sub-block: sum(a)
 * </pre>
 */
final class QuantiseCode {
  private static final int LARGE_ENOUGH = 1;

  /** Predicate of VCMPPS: greater or equal, false for NaN. */
  private static final int GREATER_OR_EQUAL = 0x1D;

  /** Where packing within halves of a vector of 256 bits leaves the eight words, in their order. */
  private static final Constant ORDER = new Constant(List.of(0, 4, 1, 5, 2, 6, 3, 7), false);

  private final Assembler assembler;
  private final ActivationRecord rec;
  private final int bits;
  private final Vec[] values;
  private final Vec max;
  private final Vec other;
  private final Vec scale;
  private final Vec inverse;
  private final Vec largest;
  private final Vec order;

  private QuantiseCode(Assembler assembler, ActivationRecord rec, int bits) {
    this.assembler = assembler;
    this.rec = rec;
    this.bits = bits;
    values = Vec.range(0, ActivationRecord.COLUMNS * Float.SIZE / bits, bits);
    Vec[] others = Vec.range(values.length, 6, bits);
    max = others[0];
    other = others[1];
    scale = others[2];
    inverse = others[3];
    largest = others[4];
    order = others[5];
  }

  /**
   * Writes the function.
   *
   * @param bits of its vectors: 512, or 256 for AVX2
   */
  static void emit(Assembler assembler, ActivationRecord rec, int bits) {
    new QuantiseCode(assembler, rec, bits).function();
  }

  private void function() {
    assembler.emit(Op.VBROADCASTSS, largest, Constant.one(127f));
    if (bits < 512) {
      assembler.emit(Op.VMOVDQU32, order, ORDER);
    }
    PanelRows.emit(assembler, rec.bytes(), this::block);
  }

  private void block() {
    for (int i = 0; i < values.length; i++) {
      Vec size = i == 0 ? max : other;
      assembler.emit(Op.VMOVUPS, values[i], Mem.at(PanelRows.FROM, i * bits / 8));
      assembler.emit(Op.VPANDD, size, values[i], Constant.lanes(0x7FFFFFFF, bits));
      if (i > 0) {
        assembler.emit(Op.VPMAXSD, max, max, other);
      }
    }
    AllLanes.reduce(assembler, Op.VPMAXSD, max, other);
    assembler.emit(Op.VDIVPS, scale, max, largest);
    // a block that is not finite has a scale that is no number, whatever its codes are
    assembler.emit(Op.VSUBPS, other, max, max);
    assembler.emit(Op.VADDPS, scale, scale, other);
    inverse();
    for (Vec value : values) {
      assembler.emit(Op.VMULPS, value, value, inverse);
      assembler.emit(Op.VCVTPS2DQ, value, value);
    }
    storeBytes();
    assembler.emit(Op.VMOVD_STORE, Mem.at(PanelRows.TO, ActivationRecord.SCALE), scale.as(128));
    int vectors = values.length / rec.subBlocks();
    for (int sub = 0; sub < rec.subBlocks(); sub++) {
      Vec total = values[sub * vectors];
      for (int i = 1; i < vectors; i++) {
        assembler.emit(Op.VPADDD, total, total, values[sub * vectors + i]);
      }
      sum(total, ActivationRecord.SUMS + 4 * sub);
    }
  }

  /** inverse = 127 / max, zero where max counts as zero. */
  private void inverse() {
    Constant least = Constant.lanes(Activations.LEAST, bits);
    if (bits < 512) {
      assembler.emit(Op.VDIVPS, inverse, largest, max);
      assembler.emit(Op.VCMPPS_LANES, max, max, least, GREATER_OR_EQUAL);
      assembler.emit(Op.VPANDD, inverse, inverse, max);
    } else {
      assembler.compare(Op.VCMPPS, LARGE_ENOUGH, max, least, GREATER_OR_EQUAL);
      assembler.emit(Op.VDIVPS, inverse.zeroing(LARGE_ENOUGH), largest, max);
    }
  }

  private void storeBytes() {
    if (bits < 512) {
      assembler.emit(Op.VPACKSSDW, max, values[0], values[1]);
      assembler.emit(Op.VPACKSSDW, other, values[2], values[3]);
      assembler.emit(Op.VPACKSSWB, max, max, other);
      assembler.emit(Op.VPERMD, max, order, max);
      assembler.emit(Op.VMOVDQU32_STORE, Mem.at(PanelRows.TO, 0), max);
    } else {
      assembler.emit(Op.VPMOVSDB_STORE, Mem.at(PanelRows.TO, 0), values[0]);
      assembler.emit(Op.VPMOVSDB_STORE, Mem.at(PanelRows.TO, 16), values[1]);
    }
  }

  private void sum(Vec total, int offset) {
    AllLanes.reduce(assembler, Op.VPADDD, total, other);
    if (rec.hasOffset()) {
      assembler.emit(Op.VCVTDQ2PS, total, total);
      assembler.emit(Op.VMULPS, total, total, scale);
    } else {
      assembler.emit(Op.VPMULLD, total, total, Constant.lanes(-rec.bias(), bits));
    }
    assembler.emit(Op.VMOVD_STORE, Mem.at(PanelRows.TO, offset), total.as(128));
  }
}
