package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Hint;
import io.moka.kernels.cpu.x86.Assembler.Label;

/**
 * The product of 1 to 16 rows rounded to bf16 with bf16 weights, in AVX-512 with dot products of
 * pairs. A block is 16 pairs of columns; the input is a panel of the rows: for each block one
 * record of 64 bytes a row, the last filled up with zeros.
 *
 * <pre>
 * void product(weights, stripBytes, panel, next, blocks, out, groups, rest, step)
 *   next        4 strips at once: as {@link GroupCode} says
 *               fewer: address of what should be prefetched meanwhile
 *   rest        pairs after the last block, 0 to 15
 *   step        fewer than 4 strips: bytes from one prefetch to the next; one a strip and pair
 *
 * for each pair of columns
 *   w[s] = its 16 pairs of each strip
 *   for each row, for each strip: sum += w.odd * x.odd; sum += w.even * x.even     two roundings
 * </pre>
 *
 * <p>All streams are read ahead of. With fewer than four strips the next group is brought in as
 * well, evenly over the tiles of rows: else memory rests while later tiles read the group from the
 * cache. Where there is one tile of rows, that is 64 bytes for each pair of a strip: during each of
 * several groups the one after it. A last tile of few rows, which takes four strips, leaves its
 * share out.
 */
final class Bf16GroupCode extends GroupCode {
  /** Pairs of columns in a block. */
  static final int BLOCK_PAIRS = 16;

  /** Bytes of a block of a strip. */
  static final int BLOCK_BYTES = BLOCK_PAIRS * VECTOR_BYTES;

  /** Bytes of a row's record. */
  static final int RECORD_BYTES = 64;

  /** Rows that meet two strips at full speed: there are registers for the values to come. */
  static final int TWO_STRIP_ROWS = 12;

  private static final int REGISTERS = 32;

  /** Seven rows by four strips, or 14 by two. */
  private static final int SUMS = 28;

  private static final int MOST_INPUTS = 4;

  /** Where PANEL points in a block of it: short displacements reach 512 bytes to either side. */
  private static final int PANEL_BIAS = 512;

  private static final Gp PANEL = Gp.RDX;
  private static final Gp PAIRS = Gp.RBX;
  private static final Gp NEXT = Gp.R13;
  private static final Gp STEP = Gp.R14;

  private final Vec[] weights;

  /** Take the values of rows; none where they stay in memory. */
  private final Vec[] inputs;

  private Bf16GroupCode(Assembler assembler, int rows) {
    super(assembler, rows, SUMS, BLOCK_BYTES, ReadPattern.FOUR_STREAMS);
    weights = Vec.range(REGISTERS - strips, strips, 512);
    int sums = rows * strips;
    // for one product a load of its own is as good
    int count = strips == 1 ? 0 : Math.min(MOST_INPUTS, REGISTERS - strips - sums);
    inputs = Vec.range(sums, count, 512);
  }

  /** Writes the function for a number of rows. */
  static void emit(Assembler assembler, int rows) {
    new Bf16GroupCode(assembler, rows).function();
  }

  /** Whether the function for a number of rows reads four streams. */
  static boolean readsFourStreams(int rows) {
    return strips(rows, SUMS) == STRIPS;
  }

  @Override
  void prepare() {
    if (strips < STRIPS) {
      assembler.load(NEXT, NEXT_SLOT);
      assembler.load(STEP, Frame.argument(2));
    }
  }

  @Override
  void startPass() {
    assembler.load(PANEL, INPUT_SLOT);
    assembler.alu(Alu.ADD, PANEL, PANEL_BIAS);
  }

  @Override
  void block() {
    for (int pair = 0; pair < BLOCK_PAIRS; pair++) {
      pair(pair);
    }
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], BLOCK_BYTES);
    }
    assembler.alu(Alu.ADD, PANEL, rows * RECORD_BYTES);
  }

  @Override
  void rest() {
    Label end = new Label();
    assembler.load(PAIRS, Frame.argument(1));
    assembler.alu(Alu.CMP, PAIRS, 0);
    assembler.jump(Condition.EQUAL, end);
    Label next = assembler.here();
    pair(0);
    for (int s = 0; s < strips; s++) {
      assembler.alu(Alu.ADD, STRIP[s], VECTOR_BYTES);
    }
    assembler.alu(Alu.ADD, PANEL, 4);
    assembler.alu(Alu.SUB, PAIRS, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    assembler.bind(end);
  }

  private void pair(int pair) {
    for (int s = 0; s < strips; s++) {
      assembler.emit(Op.VMOVDQU32, weights[s], Mem.at(STRIP[s], pair * VECTOR_BYTES));
      assembler.prefetch(Hint.T0, Mem.at(STRIP[s], AHEAD, pair * VECTOR_BYTES));
      if (strips < STRIPS) {
        assembler.prefetch(Hint.T1, Mem.at(NEXT, 0));
        assembler.alu(Alu.ADD, NEXT, STEP);
      }
    }
    for (int row = 0; row < rows; row++) {
      Operand x = input(row, row * RECORD_BYTES + 4 * pair - PANEL_BIAS);
      for (int s = 0; s < strips; s++) {
        assembler.emit(Op.VDPBF16PS, sum(s, row), weights[s], x);
      }
    }
  }

  /** A row's values of the pair, in all lanes. */
  private Operand input(int row, int at) {
    if (inputs.length == 0) {
      return Mem.broadcast(PANEL, at);
    }
    Vec loaded = inputs[row % inputs.length];
    assembler.emit(Op.VBROADCASTSS, loaded, Mem.at(PANEL, at));
    return loaded;
  }
}
