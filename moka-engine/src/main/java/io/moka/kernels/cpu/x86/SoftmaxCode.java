package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * The softmax of a span, less the division by the sum, in AVX-512 or AVX2.
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

  private final Assembler assembler;
  private final int bits;

  /** For each of the vectors that make up a block. */
  private final Vec[] max;

  private final Vec[] sums;

  private final Vec other;
  private final Vec x;
  private final Exponential exponential;

  private SoftmaxCode(Assembler assembler, int bits) {
    this.assembler = assembler;
    this.bits = bits;
    int parts = SpanProducts.BLOCK * Float.SIZE / bits;
    max = Vec.range(0, parts, bits);
    sums = Vec.range(parts, parts, bits);
    other = new Vec(2 * parts, bits, 0, false);
    x = new Vec(2 * parts + 1, bits, 0, false);
    Vec[] own = Vec.range(2 * parts + 2, Exponential.REGISTERS, bits);
    exponential = new Exponential(assembler, own);
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
    exponential.prepare();
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
      Vec power = exponential.ofAtMostZero(x);
      assembler.emit(Op.VMOVUPS_STORE, score(part), power);
      assembler.emit(Op.VADDPS, sums[part], sums[part], power);
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
}
