package io.moka.kernels.cpu.x86;

import io.moka.kernels.Q8Strips;
import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * Sums of the values of some blocks, weighted by probabilities; for dot products these are rounded
 * block by block.
 *
 * <pre>
 * void values(values, blocks, p, strips, stripBytes, sums, sumsStride)
 *   values      table of i64: where the values of each block begin, and of one to fetch after them
 *   p           for each block 8 x 16 floats
 *   strips      of 16 dimensions; stripBytes apart
 *   sums        the first head's floats; the others follow at sumsStride bytes
 *
 * for each block, for each two strips of it, the last of an odd number alone
 *   new = 0
 *   for each position: new[strip][head] = fma(value[strip], p[head], new[strip][head])
 *   sums += new
 * </pre>
 */
final class ValueCode extends SpanCode {
  /** Bytes of a head's probabilities of a block in bf16. */
  private static final int ROUNDED_BYTES = SpanProducts.BLOCK * Short.BYTES;

  private static final Gp STRIPS_LEFT = Gp.R14;
  private static final Gp BLOCK_OUT = Gp.R15;

  /** From a place in a block to the same in the next. */
  private static final Gp TO_NEXT = Gp.R13;

  private static final Gp STRIPS = Gp.RBP;

  /** Room on the stack: for the rounded probabilities of all heads, or the scales of a pass. */
  private final int room;

  ValueCode(Assembler assembler, Shape shape) {
    super(assembler, shape);
    room = dots ? SpanProducts.MAX_HEADS * ROUNDED_BYTES : codes() ? MOST_STRIPS * VECTOR_BYTES : 0;
  }

  @Override
  void emit() {
    start();
    assembler.move(STRIPS, STRIDE);
    assembler.load(STRIDE, LAST_ARGUMENT);
    if (room > 0) {
      assembler.alu(Alu.SUB, Gp.RSP, room);
    }
    assembler.address(THRICE, new Mem(STRIDE, STRIDE, 2, 0, false));
    Label next = assembler.here();
    assembler.load(STRIP[0], Mem.at(TABLE, 0));
    assembler.load(TO_NEXT, Mem.at(TABLE, 8));
    assembler.alu(Alu.SUB, TO_NEXT, STRIP[0]);
    assembler.move(BLOCK_OUT, OUT);
    assembler.move(STRIPS_LEFT, STRIPS);
    if (dots) {
      roundProbabilities();
    }
    if (strips == MOST_STRIPS) {
      Label one = new Label();
      Label done = new Label();
      assembler.alu(Alu.SUB, STRIPS_LEFT, 2);
      assembler.jump(Condition.LESS, one);
      Label two = assembler.here();
      strips(2);
      assembler.alu(Alu.SUB, STRIPS_LEFT, 2);
      assembler.jump(Condition.GREATER_OR_EQUAL, two);
      assembler.bind(one);
      assembler.alu(Alu.CMP, STRIPS_LEFT, -2);
      assembler.jump(Condition.EQUAL, done);
      strips(1);
      assembler.bind(done);
    } else {
      Label one = assembler.here();
      strips(1);
      assembler.alu(Alu.SUB, STRIPS_LEFT, 1);
      assembler.jump(Condition.NOT_EQUAL, one);
    }
    assembler.alu(Alu.ADD, TABLE, 8);
    assembler.alu(Alu.ADD, INPUT, SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    if (room > 0) {
      assembler.alu(Alu.ADD, Gp.RSP, room);
    }
    end();
  }

  /** Those of one block onto the stack. */
  private void roundProbabilities() {
    for (int head = 0; head < heads; head++) {
      Vec p = Vec.zmm(2 * (head % 4));
      Vec size = Vec.zmm(2 * (head % 4) + 1);
      Bf16RoundCode.round(
          assembler,
          Mem.at(INPUT, head * VECTOR_BYTES),
          Mem.at(Gp.RSP, head * ROUNDED_BYTES),
          p,
          size);
    }
  }

  /** One or two strips of a block's values, from STRIP[0] on, into BLOCK_OUT. */
  private void strips(int count) {
    assembler.address(FOURTH, new Mem(BLOCK_OUT, STRIDE, 4, 0, false));
    for (int part = 0; part < parts(bits); part += parts) {
      if (part > 0) {
        assembler.alu(Alu.SUB, STRIP[0], SpanProducts.BLOCK / 2 * pairBytes());
      }
      strips(count, part);
    }
    if (count == 2) {
      assembler.move(STRIP[0], STRIP[1]);
    }
    assembler.alu(Alu.ADD, BLOCK_OUT, count * VECTOR_BYTES);
  }

  private void strips(int count, int firstPart) {
    OuterProduct product = product(count);
    if (count == 2) {
      assembler.address(STRIP[1], Mem.at(STRIP[0], Gp.R8, 0));
    }
    if (dots) {
      pairs(product, count);
    } else if (codes()) {
      codedPositions(product, count);
    } else {
      positions(product, count, firstPart);
    }
    for (int head = 0; head < heads; head++) {
      for (int i = 0; i < count * parts; i++) {
        int at = i / parts * VECTOR_BYTES + (firstPart + i % parts) * bits / 8;
        Vec sum = product.sum(i, head);
        assembler.emit(Op.VADDPS, sum, sum, head(BLOCK_OUT, head, at));
        assembler.emit(Op.VMOVUPS_STORE, head(BLOCK_OUT, head, at), sum);
      }
    }
  }

  /** The positions of a block, one after the other. */
  private void positions(OuterProduct product, int count, int firstPart) {
    assembler.move32(LOOP, SpanProducts.BLOCK / 2);
    Label pair = assembler.here();
    for (int s = 0; s < count; s++) {
      prefetch(firstPart, Mem.at(STRIP[s], TO_NEXT, 0));
    }
    for (int half = 0; half < 2; half++) {
      int number = half * Float.BYTES;
      add(
          product,
          firstPart,
          half,
          (i, to) -> broadcast(Mem.at(INPUT, i * VECTOR_BYTES + number), to));
    }
    for (int s = 0; s < count; s++) {
      assembler.alu(Alu.ADD, STRIP[s], pairBytes());
    }
    assembler.alu(Alu.ADD, INPUT, PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
    assembler.alu(Alu.SUB, INPUT, SpanProducts.BLOCK * Float.BYTES);
  }

  /** The same by dot products: no loop, since the stack pointer stays where it is. */
  private void pairs(OuterProduct product, int count) {
    for (int pair = 0; pair < SpanProducts.BLOCK / 2; pair++) {
      int at = pair * PAIR_BF16;
      for (int s = 0; s < count; s++) {
        prefetch(0, Mem.at(STRIP[s], TO_NEXT, pair * pairBytes()));
      }
      addPair(
          product,
          pair * pairBytes(),
          (i, to) -> broadcast(Mem.at(Gp.RSP, i * ROUNDED_BYTES + at), to));
    }
    for (int s = 0; s < count; s++) {
      assembler.alu(Alu.ADD, STRIP[s], SpanProducts.BLOCK / 2 * pairBytes());
    }
  }

  /** The same of codes, whose scales, one for each position, go by way of the stack. */
  private void codedPositions(OuterProduct product, int count) {
    for (int s = 0; s < count; s++) {
      Vec scales = product.free();
      assembler.emit(Op.VCVTPH2PS, scales, Mem.at(STRIP[s], Q8Strips.VALUE_CODES));
      assembler.emit(Op.VMOVUPS_STORE, Mem.at(Gp.RSP, s * VECTOR_BYTES), scales);
      for (int line = 0; line <= Q8Strips.VALUE_CODES; line += VECTOR_BYTES) {
        assembler.prefetch(Assembler.Hint.T0, Mem.at(STRIP[s], TO_NEXT, line));
      }
    }
    for (int position = 0; position < SpanProducts.BLOCK; position++) {
      int at = position * Float.BYTES;
      Operand[] scales = {
        Mem.broadcast(Gp.RSP, at), Mem.broadcast(Gp.RSP, VECTOR_BYTES + at),
      };
      addCodes(
          product,
          position * Q8Strips.LANES,
          scales,
          (i, to) -> broadcast(Mem.at(INPUT, i * VECTOR_BYTES + at), to));
    }
    for (int s = 0; s < count; s++) {
      assembler.alu(Alu.ADD, STRIP[s], Q8Strips.VALUE_STRIP_BYTES);
    }
  }
}
