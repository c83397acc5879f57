package io.moka.kernels.cpu.x86;

import io.moka.kernels.FloatMath;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * The softmax of a span, less the division by the sum, in AVX-512 or AVX2: the steps of {@link
 * FloatMath#exp} lane by lane.
 *
 * <pre>
 * void softmax(scores, blocks, heads, results)
 *   scores    for each block 8 x 16 floats
 *   results   for each of 8 heads the largest score, then for each the sum of the exponentials
 *
 * for each head
 *   m = the largest of its scores
 *   for each block: score = e^(score - m); sums += score
 *   sum = halves of sums added, then quarters, pairs and neighbours
 * </pre>
 */
final class SoftmaxCode {
  /** Bytes that the results take. */
  static final int RESULT_BYTES = 2 * SpanProducts.MAX_HEADS * Float.BYTES;

  private static final Gp SCORES = Gp.RDI;
  private static final Gp BLOCKS = Gp.RSI;
  private static final Gp HEADS = Gp.RDX;
  private static final Gp RESULTS = Gp.RCX;
  private static final Gp AT = Gp.RAX;
  private static final Gp LEFT = Gp.R8;

  /** Of 32 registers, the first that holds a constant. */
  private static final int FIRST_CONSTANT = 16;

  /** Factors of the series, of the seventh power first. */
  private static final float[] SERIES = {1 / 5040f, 1 / 720f, 1 / 120f, 1 / 24f, 1 / 6f, 0.5f};

  private static final int NORMAL = 1;

  /** Predicate of VCMPPS: not less, true for NaN. */
  private static final int NOT_LESS = 0x05;

  private final Assembler assembler;
  private final int bits;

  /** For each of the vectors that make up a block. */
  private final Vec[] max;

  private final Vec[] sums;

  private final Vec other;
  private final Vec x;
  private final Vec rounded;
  private final Vec n;
  private final Vec p;
  private int constants;

  private SoftmaxCode(Assembler assembler, int bits) {
    this.assembler = assembler;
    this.bits = bits;
    int parts = SpanProducts.BLOCK * Float.SIZE / bits;
    max = Vec.range(0, parts, bits);
    sums = Vec.range(parts, parts, bits);
    Vec[] others = Vec.range(2 * parts, 5, bits);
    other = others[0];
    x = others[1];
    rounded = others[2];
    n = others[3];
    p = others[4];
  }

  /**
   * Writes the function.
   *
   * @param bits of its vectors: 512, or 256 for AVX2
   */
  static void emit(Assembler assembler, int bits) {
    new SoftmaxCode(assembler, bits).function();
  }

  private void function() {
    Exponential exponential = new Exponential();
    Label head = assembler.here();
    start();
    for (Vec m : max) {
      assembler.emit(Op.VBROADCASTSS, m, Constant.one(Float.NEGATIVE_INFINITY));
    }
    Label larger = assembler.here();
    for (int part = 0; part < max.length; part++) {
      assembler.emit(Op.VMAXPS, max[part], max[part], score(part));
    }
    next(larger);
    Vec largest = reduce(Op.VMAXPS, max);
    assembler.emit(Op.VMOVD_STORE, Mem.at(RESULTS, 0), largest.as(128));

    start();
    for (Vec sum : sums) {
      assembler.emit(Op.VPXORD, sum, sum, sum);
    }
    Label block = assembler.here();
    for (int part = 0; part < sums.length; part++) {
      assembler.emit(Op.VMOVUPS, x, score(part));
      assembler.emit(Op.VSUBPS, x, x, largest);
      exponential.emit();
      assembler.emit(Op.VMOVUPS_STORE, score(part), p);
      assembler.emit(Op.VADDPS, sums[part], sums[part], p);
    }
    next(block);
    Vec total = reduce(Op.VADDPS, sums);
    int to = SpanProducts.MAX_HEADS * Float.BYTES;
    assembler.emit(Op.VMOVD_STORE, Mem.at(RESULTS, to), total.as(128));

    assembler.alu(Alu.ADD, SCORES, SpanProducts.SCORE_BYTES);
    assembler.alu(Alu.ADD, RESULTS, Float.BYTES);
    assembler.alu(Alu.SUB, HEADS, 1);
    assembler.jump(Condition.NOT_EQUAL, head);
    assembler.vzeroupper();
    assembler.ret();
  }

  private Mem score(int part) {
    return Mem.at(AT, part * bits / 8);
  }

  private Vec reduce(Op op, Vec[] parts) {
    for (int part = 1; part < parts.length; part++) {
      assembler.emit(op, parts[0], parts[0], parts[part]);
    }
    AllLanes.reduce(assembler, op, parts[0], other);
    return parts[0];
  }

  private void start() {
    assembler.move(AT, SCORES);
    assembler.move(LEFT, BLOCKS);
  }

  private void next(Label loop) {
    assembler.alu(Alu.ADD, AT, SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, loop);
  }

  /** p = e^x, for x of at most zero, or NaN. Its constants need registers where there are 32. */
  private final class Exponential {
    private final Operand log2E = constant(FloatMath.LOG2_E);
    private final Operand rounder = constant(FloatMath.ROUNDER);
    private final Operand ln2High = constant(-FloatMath.LN2_HIGH);
    private final Operand ln2Low = constant(-FloatMath.LN2_LOW);
    private final Operand one = constant(1f);
    private final Operand lowest = constant(FloatMath.EXP_LOWEST);
    private final Operand[] series = new Operand[SERIES.length];

    Exponential() {
      for (int i = 0; i < series.length; i++) {
        series[i] = constant(SERIES[i]);
      }
    }

    private Operand constant(float value) {
      if (bits < 512) {
        return Constant.lanes(value, bits);
      }
      Vec register = Vec.zmm(FIRST_CONSTANT + constants++);
      assembler.emit(Op.VBROADCASTSS, register, Constant.one(value));
      return register;
    }

    void emit() {
      assembler.emit(Op.VMOVUPS, rounded, rounder);
      assembler.emit(Op.VFMADD231PS, rounded, x, log2E);
      assembler.emit(Op.VSUBPS, n, rounded, rounder);
      if (bits < 512) {
        assembler.emit(Op.VCMPPS_LANES, other, x, lowest, NOT_LESS);
      } else {
        assembler.compare(Op.VCMPPS, NORMAL, x, lowest, NOT_LESS);
      }
      assembler.emit(Op.VFMADD231PS, x, n, ln2High);
      assembler.emit(Op.VFMADD231PS, x, n, ln2Low);
      assembler.emit(Op.VMOVUPS, p, series[0]);
      for (int i = 1; i < series.length; i++) {
        assembler.emit(Op.VFMADD213PS, p, x, series[i]);
      }
      assembler.emit(Op.VFMADD213PS, p, x, one);
      assembler.emit(Op.VFMADD213PS, p, x, one);
      // the integer in the low bits of rounded becomes the exponent
      assembler.emit(Op.VPSLLD, rounded, rounded, 23);
      assembler.emit(Op.VPADDD, rounded, rounded, one);
      if (bits < 512) {
        assembler.emit(Op.VMULPS, p, p, rounded);
        assembler.emit(Op.VPANDD, p, p, other);
      } else {
        assembler.emit(Op.VMULPS, p.zeroing(NORMAL), p, rounded);
      }
    }
  }
}
