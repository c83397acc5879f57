package io.moka.kernels.cpu.x86;

import io.moka.kernels.FloatMath;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * The softmax of a span, less the division by the sum, in AVX-512: the steps of {@link
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

  private static final Vec MAX = Vec.zmm(0);
  private static final Vec SUMS = Vec.zmm(1);
  private static final Vec OTHER = Vec.zmm(2);
  private static final Vec X = Vec.zmm(3);
  private static final Vec ROUNDED = Vec.zmm(4);
  private static final Vec N = Vec.zmm(5);
  private static final Vec P = Vec.zmm(6);

  private static final Vec LOG2_E = Vec.zmm(16);
  private static final Vec ROUNDER = Vec.zmm(17);
  private static final Vec LN2_HIGH = Vec.zmm(18);
  private static final Vec LN2_LOW = Vec.zmm(19);
  private static final Vec ONE = Vec.zmm(20);
  private static final Vec LOWEST = Vec.zmm(21);

  /** Factors of the series, of the seventh power first. */
  private static final float[] SERIES = {1 / 5040f, 1 / 720f, 1 / 120f, 1 / 24f, 1 / 6f, 0.5f};

  private static final int FIRST_FACTOR = 22;

  private static final int NORMAL = 1;

  /** Predicate of VCMPPS: not less, true for NaN. */
  private static final int NOT_LESS = 0x05;

  private SoftmaxCode() {}

  /** Writes the function. */
  static void emit(Assembler assembler) {
    broadcast(assembler, LOG2_E, FloatMath.LOG2_E);
    broadcast(assembler, ROUNDER, FloatMath.ROUNDER);
    broadcast(assembler, LN2_HIGH, -FloatMath.LN2_HIGH);
    broadcast(assembler, LN2_LOW, -FloatMath.LN2_LOW);
    broadcast(assembler, ONE, 1f);
    broadcast(assembler, LOWEST, FloatMath.EXP_LOWEST);
    for (int i = 0; i < SERIES.length; i++) {
      broadcast(assembler, Vec.zmm(FIRST_FACTOR + i), SERIES[i]);
    }
    Label head = assembler.here();
    start(assembler);
    assembler.emit(Op.VBROADCASTSS, MAX, Constant.one(Float.NEGATIVE_INFINITY));
    Label larger = assembler.here();
    assembler.emit(Op.VMAXPS, MAX, MAX, Mem.at(AT, 0));
    next(assembler, larger);
    AllLanes.reduce(assembler, Op.VMAXPS, MAX, OTHER);
    assembler.emit(Op.VMOVD_STORE, Mem.at(RESULTS, 0), MAX.as(128));

    start(assembler);
    assembler.emit(Op.VPXORD, SUMS, SUMS, SUMS);
    Label block = assembler.here();
    assembler.emit(Op.VMOVUPS, X, Mem.at(AT, 0));
    assembler.emit(Op.VSUBPS, X, X, MAX);
    exponential(assembler);
    assembler.emit(Op.VMOVUPS_STORE, Mem.at(AT, 0), P);
    assembler.emit(Op.VADDPS, SUMS, SUMS, P);
    next(assembler, block);
    AllLanes.reduce(assembler, Op.VADDPS, SUMS, OTHER);
    int sums = SpanProducts.MAX_HEADS * Float.BYTES;
    assembler.emit(Op.VMOVD_STORE, Mem.at(RESULTS, sums), SUMS.as(128));

    assembler.alu(Alu.ADD, SCORES, SpanProducts.SCORE_BYTES);
    assembler.alu(Alu.ADD, RESULTS, Float.BYTES);
    assembler.alu(Alu.SUB, HEADS, 1);
    assembler.jump(Condition.NOT_EQUAL, head);
    assembler.vzeroupper();
    assembler.ret();
  }

  private static void broadcast(Assembler assembler, Vec to, float value) {
    assembler.emit(Op.VBROADCASTSS, to, Constant.one(value));
  }

  private static void start(Assembler assembler) {
    assembler.move(AT, SCORES);
    assembler.move(LEFT, BLOCKS);
  }

  private static void next(Assembler assembler, Label loop) {
    assembler.alu(Alu.ADD, AT, SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, loop);
  }

  /** P = e^X, for X of at most zero, or NaN. */
  private static void exponential(Assembler assembler) {
    assembler.emit(Op.VMOVUPS, ROUNDED, ROUNDER);
    assembler.emit(Op.VFMADD231PS, ROUNDED, X, LOG2_E);
    assembler.emit(Op.VSUBPS, N, ROUNDED, ROUNDER);
    assembler.compare(Op.VCMPPS, NORMAL, X, LOWEST, NOT_LESS);
    assembler.emit(Op.VFMADD231PS, X, N, LN2_HIGH);
    assembler.emit(Op.VFMADD231PS, X, N, LN2_LOW);
    assembler.emit(Op.VMOVUPS, P, Vec.zmm(FIRST_FACTOR));
    for (int i = 1; i < SERIES.length; i++) {
      assembler.emit(Op.VFMADD213PS, P, X, Vec.zmm(FIRST_FACTOR + i));
    }
    assembler.emit(Op.VFMADD213PS, P, X, ONE);
    assembler.emit(Op.VFMADD213PS, P, X, ONE);
    // the integer in the low bits of ROUNDED becomes the exponent
    assembler.emit(Op.VPSLLD, ROUNDED, ROUNDED, 23);
    assembler.emit(Op.VPADDD, ROUNDED, ROUNDED, ONE);
    assembler.emit(Op.VMULPS, P.zeroing(NORMAL), P, ROUNDED);
  }
}
