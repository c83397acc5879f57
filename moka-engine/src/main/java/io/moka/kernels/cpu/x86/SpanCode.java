package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;

/**
 * The products of attention for 1 to 8 query heads of one key/value head, in AVX-512 or AVX2. Keys
 * and values lie in strips of 16 lanes by pairs of columns; both functions take two strips at a
 * time, one where AVX2 has no registers for two, and its halves one after the other where it has
 * none for one. With dot products of bf16 a step takes both columns of a pair; the heads are then
 * given in bf16, and probabilities are rounded block by block.
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
 *
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
 *
 * <p>By dot products both columns are one step: sum += k.odd * q.odd; sum += k.even * q.even.
 *
 * <p>The blocks of a head may lie apart, each shorter than what the processor's own prefetching
 * needs to start: so each is fetched while the one before is multiplied, line by line.
 */
final class SpanCode {
  private static final int VECTOR_BYTES = 64;
  private static final int PAIR_FLOATS = 2 * Float.BYTES;
  private static final int PAIR_BF16 = 2 * Short.BYTES;

  /** Bytes of a head's probabilities of a block in bf16. */
  private static final int ROUNDED_BYTES = SpanProducts.BLOCK * Short.BYTES;

  /** Room on the stack for those of all heads. */
  private static final int ROUNDED_ROOM = SpanProducts.MAX_HEADS * ROUNDED_BYTES;

  private static final Gp[] SAVED = {Gp.RBX, Gp.RBP, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

  /** The seventh argument: above the return address and the saved registers. */
  private static final Mem LAST_ARGUMENT = Mem.at(Gp.RSP, 8 * (SAVED.length + 1));

  private static final Gp TABLE = Gp.RDI;
  private static final Gp COUNT = Gp.RSI;
  private static final Gp INPUT = Gp.RDX;
  private static final Gp OUT = Gp.R9;
  private static final Gp[] STRIP = {Gp.RAX, Gp.R10};
  private static final Gp LOOP = Gp.R11;

  /** The same place in the blocks of keys that come next. */
  private static final Gp[] NEXT = {Gp.R14, Gp.R15};

  /** Head i lies at (i < 4 ? FIRST : FOURTH) + i % 4 * STRIDE, THRICE being three of it. */
  private static final Gp STRIDE = Gp.RCX;

  private static final Gp THRICE = Gp.RBX;
  private static final Gp FOURTH = Gp.R12;
  private static final Gp START = Gp.R13;

  private static final int MOST_STRIPS = 2;

  private final Assembler assembler;
  private final WeightFormat format;
  private final boolean dots;
  private final int heads;
  private final int bits;

  /** Strips of a pass. */
  private final int strips;

  /** Vectors of each strip in a pass. */
  private final int parts;

  private SpanCode(Assembler assembler, WeightFormat format, boolean dots, int heads, int bits) {
    this.assembler = assembler;
    this.format = format;
    this.dots = dots;
    this.heads = heads;
    this.bits = bits;
    int most = OuterProduct.mostSums(bits);
    parts = heads * parts(bits) <= most ? parts(bits) : 1;
    strips = Math.min(MOST_STRIPS, most / (heads * parts));
  }

  /** Vectors that make up a strip. */
  private static int parts(int bits) {
    return 8 * VECTOR_BYTES / bits;
  }

  /** What emits one of the two functions. */
  static SpanCode inFloats(Assembler assembler, WeightFormat format, int heads, int bits) {
    return new SpanCode(assembler, format, false, heads, bits);
  }

  /** As above, for BF16 and inputs rounded to it, in AVX-512 BF16. */
  static SpanCode inDots(Assembler assembler, int heads) {
    return new SpanCode(assembler, WeightFormat.BF16, true, heads, 512);
  }

  /** Writes the function for scores. */
  void scores() {
    start();
    assembler.address(THRICE, new Mem(STRIDE, STRIDE, 2, 0, false));
    assembler.address(FOURTH, new Mem(INPUT, STRIDE, 4, 0, false));
    assembler.move(START, INPUT);
    Label next = assembler.here();
    for (int strip = 0; strip < MOST_STRIPS; strip += strips) {
      for (int part = 0; part < parts(bits); part += parts) {
        scores(strip, part);
      }
    }
    assembler.alu(Alu.ADD, TABLE, 16);
    assembler.alu(Alu.ADD, OUT, 2 * SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    end();
  }

  /** A pass over some strips of a pair, from a part of them on. */
  private void scores(int firstStrip, int firstPart) {
    OuterProduct product = product(strips);
    for (int s = 0; s < strips; s++) {
      assembler.load(STRIP[s], Mem.at(TABLE, 8 * (firstStrip + s)));
      assembler.load(NEXT[s], Mem.at(TABLE, 16 + 8 * (firstStrip + s)));
    }
    assembler.move(LOOP, Gp.R8);
    Label pair = assembler.here();
    for (int s = 0; s < strips; s++) {
      prefetch(firstPart, Mem.at(NEXT[s], 0));
    }
    if (dots) {
      addPair(product, 0, (i, to) -> broadcast(head(INPUT, i, 0), to));
    } else {
      for (int half = 0; half < 2; half++) {
        int number = half * Float.BYTES;
        add(product, firstPart, half, (i, to) -> broadcast(head(INPUT, i, number), to));
      }
    }
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], PackedMatrix.pairBytes(format));
      assembler.alu(Alu.ADD, NEXT[s], PackedMatrix.pairBytes(format));
    }
    assembler.alu(Alu.ADD, INPUT, dots ? PAIR_BF16 : PAIR_FLOATS);
    assembler.alu(Alu.ADD, FOURTH, dots ? PAIR_BF16 : PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
    Vec scale = product.free();
    broadcast(LAST_ARGUMENT, scale);
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

  private static final Gp STRIPS_LEFT = Gp.R14;
  private static final Gp BLOCK_OUT = Gp.R15;

  /** From a place in a block to the same in the next. */
  private static final Gp TO_NEXT = Gp.R13;

  private static final Gp STRIPS = Gp.RBP;

  /** Writes the function for values. */
  void values() {
    start();
    assembler.move(STRIPS, STRIDE);
    assembler.load(STRIDE, LAST_ARGUMENT);
    if (dots) {
      assembler.alu(Alu.SUB, Gp.RSP, ROUNDED_ROOM);
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
    if (dots) {
      assembler.alu(Alu.ADD, Gp.RSP, ROUNDED_ROOM);
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
        assembler.alu(Alu.SUB, STRIP[0], SpanProducts.BLOCK / 2 * PackedMatrix.pairBytes(format));
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
      assembler.alu(Alu.ADD, STRIP[s], PackedMatrix.pairBytes(format));
    }
    assembler.alu(Alu.ADD, INPUT, PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
    assembler.alu(Alu.SUB, INPUT, SpanProducts.BLOCK * Float.BYTES);
  }

  /** The same by dot products: no loop, since the stack pointer stays where it is. */
  private void pairs(OuterProduct product, int count) {
    int pairBytes = PackedMatrix.pairBytes(format);
    for (int pair = 0; pair < SpanProducts.BLOCK / 2; pair++) {
      int at = pair * PAIR_BF16;
      for (int s = 0; s < count; s++) {
        prefetch(0, Mem.at(STRIP[s], TO_NEXT, pair * pairBytes));
      }
      addPair(
          product,
          pair * pairBytes,
          (i, to) -> broadcast(Mem.at(Gp.RSP, i * ROUNDED_BYTES + at), to));
    }
    for (int s = 0; s < count; s++) {
      assembler.alu(Alu.ADD, STRIP[s], SpanProducts.BLOCK / 2 * pairBytes);
    }
  }

  private void start() {
    for (Gp saved : SAVED) {
      assembler.push(saved);
    }
  }

  private void end() {
    for (int i = SAVED.length - 1; i >= 0; i--) {
      assembler.pop(SAVED[i]);
    }
    assembler.vzeroupper();
    assembler.ret();
  }

  private static Mem head(Gp first, int head, int displacement) {
    Gp base = head < 4 ? first : FOURTH;
    return switch (head % 4) {
      case 0 -> Mem.at(base, displacement);
      case 3 -> Mem.at(base, THRICE, displacement);
      default -> new Mem(base, STRIDE, head % 4, displacement, false);
    };
  }

  /** The sums of a pass, cleared. */
  private OuterProduct product(int count) {
    Op multiplyAdd = dots ? Op.VDPBF16PS : Op.VFMADD231PS;
    OuterProduct product = new OuterProduct(assembler, multiplyAdd, bits, heads, count * parts);
    if (!dots) {
      product.prepare(format);
    }
    product.clear();
    return product;
  }

  /** The lines of a pair, unless a pass over another part has fetched them. */
  private void prefetch(int firstPart, Mem pair) {
    if (firstPart > 0) {
      return;
    }
    for (int line = 0; line < PackedMatrix.pairBytes(format); line += VECTOR_BYTES) {
      assembler.prefetch(Assembler.Hint.T0, pair.plus(line));
    }
  }

  private void broadcast(Mem number, Vec to) {
    assembler.emit(Op.VBROADCASTSS, to, number);
  }

  /** Both columns of a pair of the strips of a pass. */
  private void addPair(OuterProduct product, int offset, OuterProduct.Loader inputs) {
    product.add((i, to) -> assembler.emit(Op.VMOVDQU32, to, Mem.at(STRIP[i], offset)), inputs);
  }

  /** One column of the strips of a pass. */
  private void add(OuterProduct product, int firstPart, int half, OuterProduct.Loader inputs) {
    OuterProduct.Loader columns =
        (i, to) -> {
          Mem pair = Mem.at(STRIP[i / parts], 0);
          int part = firstPart + i % parts;
          FloatColumns.emit(assembler, format, pair, half, part, product.upperHalves(), to);
        };
    product.add(columns, inputs);
  }
}
