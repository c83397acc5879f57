package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.SpanProducts;
import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;

/**
 * The products of attention for 1 to 8 query heads of one key/value head, in AVX-512. Keys and
 * values lie in strips of 16 lanes by pairs of columns; both functions take two strips at a time.
 *
 * <pre>
 * void scores(keys, blockPairs, q, qStride, columnPairs, out, scale)
 *   keys        table of i64: where the keys of each block begin, and of two to fetch after them
 *   blockPairs  pairs of blocks
 *   q           the first head's d floats; the others follow at qStride bytes
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
 * <p>The blocks of a head lie apart, each shorter than what the processor's own prefetching needs
 * to start: so each is fetched while the one before is multiplied, line by line.
 */
final class SpanCode {
  private static final int MAX_HEADS = SpanProducts.MAX_HEADS;
  private static final int VECTOR_BYTES = 64;
  private static final int PAIR_FLOATS = 2 * Float.BYTES;

  /** The seventh argument: above the return address and the saved registers. */
  private static final Gp[] SAVED = {Gp.RBX, Gp.RBP, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

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

  private static final Vec SCALE = Vec.zmm(30);
  private static final Vec MASK = Vec.zmm(31);

  private final Assembler assembler;
  private final WeightFormat format;
  private final int heads;

  private SpanCode(Assembler assembler, WeightFormat format, int heads) {
    this.assembler = assembler;
    this.format = format;
    this.heads = heads;
  }

  /** Writes the function for scores. */
  static void emitScores(Assembler assembler, WeightFormat format, int heads) {
    new SpanCode(assembler, format, heads).scores();
  }

  /** Writes the function for values. */
  static void emitValues(Assembler assembler, WeightFormat format, int heads) {
    new SpanCode(assembler, format, heads).values();
  }

  private void scores() {
    start();
    assembler.emit(Op.VBROADCASTSS, SCALE, LAST_ARGUMENT);
    assembler.address(THRICE, new Mem(STRIDE, STRIDE, 2, 0, false));
    assembler.address(FOURTH, new Mem(INPUT, STRIDE, 4, 0, false));
    assembler.move(START, INPUT);
    Label next = assembler.here();
    assembler.load(STRIP[0], Mem.at(TABLE, 0));
    assembler.load(STRIP[1], Mem.at(TABLE, 8));
    assembler.load(NEXT[0], Mem.at(TABLE, 16));
    assembler.load(NEXT[1], Mem.at(TABLE, 24));
    zero(2);
    assembler.move(LOOP, Gp.R8);
    Label pair = assembler.here();
    prefetch(Mem.at(NEXT[0], 0));
    prefetch(Mem.at(NEXT[1], 0));
    for (int half = 0; half < 2; half++) {
      for (int s = 0; s < 2; s++) {
        decode(Mem.at(STRIP[s], 0), half, strip(s));
      }
      for (int head = 0; head < heads; head++) {
        multiply(2, head, head(INPUT, head, half * Float.BYTES));
      }
    }
    for (int s = 0; s < 2; s++) {
      assembler.alu(Alu.ADD, STRIP[s], PackedMatrix.pairBytes(format));
      assembler.alu(Alu.ADD, NEXT[s], PackedMatrix.pairBytes(format));
    }
    assembler.alu(Alu.ADD, INPUT, PAIR_FLOATS);
    assembler.alu(Alu.ADD, FOURTH, PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
    for (int s = 0; s < 2; s++) {
      for (int head = 0; head < heads; head++) {
        int at = s * SpanProducts.SCORE_BLOCK_BYTES + head * VECTOR_BYTES;
        assembler.emit(Op.VMULPS, sum(s, head), sum(s, head), SCALE);
        assembler.emit(Op.VMOVUPS_STORE, Mem.at(OUT, at), sum(s, head));
      }
    }
    // back to the heads' beginnings
    assembler.alu(Alu.SUB, FOURTH, INPUT);
    assembler.alu(Alu.ADD, FOURTH, START);
    assembler.move(INPUT, START);
    assembler.alu(Alu.ADD, TABLE, 16);
    assembler.alu(Alu.ADD, OUT, 2 * SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    end();
  }

  private static final Gp STRIPS_LEFT = Gp.R14;
  private static final Gp BLOCK_OUT = Gp.R15;

  /** From a place in a block to the same in the next. */
  private static final Gp TO_NEXT = Gp.R13;

  private static final Gp STRIPS = Gp.RBP;

  private void values() {
    start();
    assembler.move(STRIPS, STRIDE);
    assembler.load(STRIDE, LAST_ARGUMENT);
    assembler.address(THRICE, new Mem(STRIDE, STRIDE, 2, 0, false));
    Label next = assembler.here();
    Label one = new Label();
    Label done = new Label();
    assembler.load(STRIP[0], Mem.at(TABLE, 0));
    assembler.load(TO_NEXT, Mem.at(TABLE, 8));
    assembler.alu(Alu.SUB, TO_NEXT, STRIP[0]);
    assembler.move(BLOCK_OUT, OUT);
    assembler.move(STRIPS_LEFT, STRIPS);
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
    assembler.alu(Alu.ADD, TABLE, 8);
    assembler.alu(Alu.ADD, INPUT, SpanProducts.SCORE_BLOCK_BYTES);
    assembler.alu(Alu.SUB, COUNT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    end();
  }

  /** One or two strips of a block's values, from STRIP[0] on, into BLOCK_OUT. */
  private void strips(int count) {
    if (count == 2) {
      assembler.address(STRIP[1], Mem.at(STRIP[0], Gp.R8, 0));
    }
    zero(count);
    assembler.move32(LOOP, SpanProducts.BLOCK / 2);
    Label pair = assembler.here();
    for (int s = 0; s < count; s++) {
      prefetch(Mem.at(STRIP[s], TO_NEXT, 0));
    }
    for (int half = 0; half < 2; half++) {
      for (int s = 0; s < count; s++) {
        decode(Mem.at(STRIP[s], 0), half, strip(s));
      }
      for (int head = 0; head < heads; head++) {
        multiply(count, head, Mem.at(INPUT, head * VECTOR_BYTES + half * Float.BYTES));
      }
    }
    for (int s = 0; s < count; s++) {
      assembler.alu(Alu.ADD, STRIP[s], PackedMatrix.pairBytes(format));
    }
    assembler.alu(Alu.ADD, INPUT, PAIR_FLOATS);
    assembler.alu(Alu.SUB, LOOP, 1);
    assembler.jump(Condition.NOT_EQUAL, pair);
    assembler.alu(Alu.SUB, INPUT, SpanProducts.BLOCK * Float.BYTES);
    if (count == 2) {
      assembler.move(STRIP[0], STRIP[1]);
    }
    assembler.address(FOURTH, new Mem(BLOCK_OUT, STRIDE, 4, 0, false));
    for (int head = 0; head < heads; head++) {
      for (int s = 0; s < count; s++) {
        Mem to = head(BLOCK_OUT, head, s * VECTOR_BYTES);
        assembler.emit(Op.VADDPS, sum(s, head), sum(s, head), to);
        assembler.emit(Op.VMOVUPS_STORE, to, sum(s, head));
      }
    }
    assembler.alu(Alu.ADD, BLOCK_OUT, count * VECTOR_BYTES);
  }

  private void start() {
    for (Gp saved : SAVED) {
      assembler.push(saved);
    }
    if (format == WeightFormat.BF16) {
      FloatColumns.loadUpperHalves(assembler, MASK);
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

  private Vec sum(int strip, int head) {
    return Vec.zmm(strip * MAX_HEADS + head);
  }

  private static Vec strip(int strip) {
    return Vec.zmm(16 + strip);
  }

  private void zero(int strips) {
    for (int s = 0; s < strips; s++) {
      for (int head = 0; head < heads; head++) {
        assembler.emit(Op.VPXORD, sum(s, head), sum(s, head), sum(s, head));
      }
    }
  }

  /** The lines of a pair. */
  private void prefetch(Mem pair) {
    for (int line = 0; line < PackedMatrix.pairBytes(format); line += VECTOR_BYTES) {
      assembler.prefetch(Assembler.Hint.T0, pair.plus(line));
    }
  }

  private void multiply(int strips, int head, Mem number) {
    Vec x = Vec.zmm(20 + head % 4);
    assembler.emit(Op.VBROADCASTSS, x, number);
    for (int s = 0; s < strips; s++) {
      assembler.emit(Op.VFMADD231PS, sum(s, head), strip(s), x);
    }
  }

  /** One column of a pair as floats. */
  private void decode(Mem pair, int half, Vec to) {
    FloatColumns.emit(assembler, format, pair, half, 0, MASK, to);
  }
}
