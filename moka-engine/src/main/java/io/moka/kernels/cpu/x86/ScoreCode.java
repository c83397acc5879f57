package io.moka.kernels.cpu.x86;

import io.moka.kernels.Q8Strips;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * Scores of query heads with the keys of some blocks.
 *
 * <pre>
 * void scores(keys, blockPairs, q, qStride, columnPairs, out, scale)
 *   keys        table of i64: where the keys of each block begin, and of two to fetch after them
 *   blockPairs  pairs of blocks
 *   q           the first head's d numbers; the others follow at qStride bytes
 *   out         for each block 8 x 16 floats
 *   scale       the bits of a float
 *
 * for each pair of blocks
 *   sums = 0
 *   for each column: sum[strip][head] = fma(key[strip], q[head], sum[strip][head])
 *   out = sums * scale
 * </pre>
 */
final class ScoreCode extends SpanCode {
  /** The same place in the blocks of keys that come next. */
  private static final Gp[] NEXT = {Gp.R14, Gp.R15};

  private static final Gp START = Gp.R13;

  /** From a group of codes to its scales. */
  private static final Gp TO_SCALES = Gp.RBP;

  /** Scales of a group, a lane's each. */
  private static final Vec[] SCALES = Vec.range(28, MOST_STRIPS, 512);

  private static final int GROUP_PAIRS = Q8Strips.KEY_GROUP / 2;

  /** Pairs left after a group. */
  private static final Mem LEFT = Mem.at(Gp.RSP, 0);

  private static final int LEFT_BYTES = 8;

  ScoreCode(Assembler assembler, Shape shape) {
    super(assembler, shape);
  }

  @Override
  void emit() {
    start();
    if (codes()) {
      assembler.alu(Alu.SUB, Gp.RSP, LEFT_BYTES);
    }
    assembler.address(THRICE, new Mem(STRIDE, STRIDE, 2, 0, false));
    assembler.address(FOURTH, new Mem(INPUT, STRIDE, 4, 0, false));
    assembler.move(START, INPUT);
    Label next = assembler.here();
    for (int strip = 0; strip < MOST_STRIPS; strip += strips) {
      for (int part = 0; part < parts(bits); part += parts) {
        pass(strip, part);
      }
    }
    assembler.alu(Alu.ADD, TABLE, 16);
    assembler.alu(Alu.ADD, OUT, 2 * SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    if (codes()) {
      assembler.alu(Alu.ADD, Gp.RSP, LEFT_BYTES);
    }
    end();
  }

  /** Some strips of a pair of blocks, from a part of them on. */
  private void pass(int firstStrip, int firstPart) {
    OuterProduct product = product(strips);
    for (int s = 0; s < strips; s++) {
      assembler.load(STRIP[s], Mem.at(TABLE, 8 * (firstStrip + s)));
      assembler.load(NEXT[s], Mem.at(TABLE, 16 + 8 * (firstStrip + s)));
    }
    if (codes()) {
      groups(product);
    } else {
      assembler.move(LOOP, Gp.R8);
      pairs(product, firstPart);
    }
    Vec scale = product.free();
    broadcast(codes() ? LAST_ARGUMENT.plus(LEFT_BYTES) : LAST_ARGUMENT, scale);
    for (int s = 0; s < strips; s++) {
      for (int part = 0; part < parts; part++) {
        for (int head = 0; head < heads; head++) {
          Vec sum = product.sum(s * parts + part, head);
          int block = (firstStrip + s) * SpanProducts.SCORE_BLOCK_BYTES;
          Mem to = Mem.at(OUT, block + head * VECTOR_BYTES + (firstPart + part) * bits / 8);
          assembler.emit(Op.VMULPS, sum, sum, scale);
          assembler.emit(Op.VMOVUPS_STORE, to, sum);
        }
      }
    }
    // back to the heads' beginnings
    assembler.alu(Alu.SUB, FOURTH, INPUT);
    assembler.alu(Alu.ADD, FOURTH, START);
    assembler.move(INPUT, START);
  }

  /** The pairs of columns whose codes share scales, group after group. */
  private void groups(OuterProduct product) {
    assembler.move(TO_SCALES, Gp.R8);
    assembler.shiftLeft(TO_SCALES, Integer.numberOfTrailingZeros(pairBytes()));
    assembler.move(LOOP, Gp.R8);
    Label group = assembler.here();
    Label go = new Label();
    Label whole = new Label();
    assembler.alu(Alu.SUB, LOOP, GROUP_PAIRS);
    assembler.store(LEFT, LOOP);
    assembler.jump(Condition.GREATER_OR_EQUAL, whole);
    assembler.alu(Alu.ADD, LOOP, GROUP_PAIRS);
    assembler.jump(go);
    assembler.bind(whole);
    assembler.move32(LOOP, GROUP_PAIRS);
    assembler.bind(go);
    for (int s = 0; s < strips; s++) {
      assembler.emit(Op.VCVTPH2PS, SCALES[s], Mem.at(STRIP[s], TO_SCALES, 0));
      assembler.prefetch(Assembler.Hint.T0, Mem.at(NEXT[s], TO_SCALES, 0));
    }
    assembler.alu(Alu.SUB, TO_SCALES, GROUP_PAIRS * pairBytes() - Q8Strips.SCALES_BYTES);
    pairs(product, 0);
    assembler.load(LOOP, LEFT);
    assembler.alu(Alu.CMP, LOOP, 0);
    assembler.jump(Condition.GREATER, group);
  }

  /** LOOP pairs of columns. */
  private void pairs(OuterProduct product, int firstPart) {
    Label pair = assembler.here();
    for (int s = 0; s < strips; s++) {
      prefetch(firstPart, Mem.at(NEXT[s], 0));
    }
    if (dots) {
      addPair(product, 0, (i, to) -> broadcast(head(INPUT, i, 0), to));
    } else {
      for (int half = 0; half < 2; half++) {
        int number = half * Float.BYTES;
        OuterProduct.Loader inputs = (i, to) -> broadcast(head(INPUT, i, number), to);
        if (codes()) {
          addCodes(product, half * Q8Strips.LANES, SCALES, inputs);
        } else {
          add(product, firstPart, half, inputs);
        }
      }
    }
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], pairBytes());
      assembler.alu(Alu.ADD, NEXT[s], pairBytes());
    }
    assembler.alu(Alu.ADD, INPUT, dots ? PAIR_BF16 : PAIR_FLOATS);
    assembler.alu(Alu.ADD, FOURTH, dots ? PAIR_BF16 : PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
  }
}
