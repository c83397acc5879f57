package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;

/**
 * What the products of rows with groups of 64 rows of packed weights have in common; a subclass
 * writes one block of it.
 *
 * <pre>
 * void product(weights, stripBytes, input, next, blocks, out, groups, ...)
 *   weights     the first strip of the first group; the others follow at stripBytes
 *   input       what the subclass reads
 *   next        four strips at once: bytes from where the last blocks are read to what should be
 *               prefetched then
 *   blocks      blocks of a strip
 *   out         for each row 64 floats of each group, row after row
 *   groups      how many, at least 1
 *   ...         more of the subclass
 *
 * for each pass over 4, 2 or 1 strips            as many as there are registers for sums
 *   sums = 0
 *   for each block, and the rest: the subclass adds to the sums
 *   store the sums
 * </pre>
 *
 * <p>STRIP, BLOCKS and AHEAD are taken while blocks are read; a subclass has all other registers,
 * TEMPORARY and the STRIPs beyond its own included. Between passes it keeps none of those but what
 * it sets in {@link #prepare}.
 *
 * <p>A lane is a row of weights, and each sum is one chain over ascending columns: its bits depend
 * neither on the number of rows nor on those of strips and groups.
 */
abstract class GroupCode {
  /** Rows up to which there is a function for each number. */
  static final int MAX_ROWS = 16;

  static final int STRIPS = PackedMatrix.GROUP_STRIPS;
  static final int VECTOR_BYTES = 64;

  /** Sums that stay in registers, zmm0 to zmm15, where a subclass has no room for more. */
  static final int SUMS = 16;

  /** Bytes of a row's sums of a group. */
  private static final int GROUP_SUM_BYTES = STRIPS * VECTOR_BYTES;

  static final Gp[] STRIP = {Gp.RDI, Gp.RSI, Gp.R10, Gp.R11};
  static final Gp BLOCKS = Gp.R8;
  static final Gp AHEAD = Gp.R12;
  static final Gp TEMPORARY = Gp.RAX;
  private static final Gp[] SAVED = {Gp.RBX, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

  private static final Mem GROUPS = Frame.argument(0);

  /** The frame: room for two vectors of each strip, then the slots, then more room. */
  private static final int SLOTS = STRIPS * 2 * VECTOR_BYTES;

  private static final Mem BASE_SLOT = slot(0);
  private static final Mem STRIDE_SLOT = slot(1);
  static final Mem INPUT_SLOT = slot(2);
  static final Mem NEXT_SLOT = slot(3);
  private static final Mem BLOCKS_SLOT = slot(4);
  private static final Mem OUT_SLOT = slot(5);
  private static final Mem LAST_BLOCKS_SLOT = slot(6);
  private static final Mem PASSES_SLOT = slot(7);
  private static final int MORE_ROOM = SLOTS + 64;

  final Assembler assembler;
  final int rows;
  final int strips;

  /** Vectors that make up the 16 rows of weights of a strip. */
  final int parts;

  private final int bits;
  private final int blockBytes;
  private final int blocksAhead;

  GroupCode(Assembler assembler, int rows, int blockBytes, ReadPattern pattern) {
    this(assembler, rows, SUMS, blockBytes, pattern);
  }

  GroupCode(Assembler assembler, int rows, int mostSums, int blockBytes, ReadPattern pattern) {
    this(assembler, rows, 512, mostSums, blockBytes, pattern);
  }

  /**
   * An emitter.
   *
   * @param bits of the vectors
   * @param mostSums vectors of sums that there are registers for
   */
  GroupCode(
      Assembler assembler, int rows, int bits, int mostSums, int blockBytes, ReadPattern pattern) {
    this.assembler = assembler;
    this.rows = rows;
    this.bits = bits;
    this.parts = 8 * VECTOR_BYTES / bits;
    this.strips = Math.min(pattern.strips(), strips(rows * parts, mostSums));
    this.blockBytes = blockBytes;
    this.blocksAhead = pattern.blocksAhead(blockBytes);
  }

  /** Strips of a pass that there are registers for. */
  static int strips(int sumsOfStrip, int mostSums) {
    return Integer.highestOneBit(Math.min(STRIPS, mostSums / sumsOfStrip));
  }

  /** Before all passes: constants in registers. */
  abstract void prepare();

  /** Before each pass: the registers that walk over the input. */
  abstract void startPass();

  /** One block of each strip: adds to the sums, and moves STRIP and the input on. */
  abstract void block();

  /** What follows the last whole block of each strip, where there may be something. */
  void rest() {}

  final Vec sum(int strip, int row) {
    return sum(strip, 0, row);
  }

  /** The sum of a part of a strip. */
  final Vec sum(int strip, int part, int row) {
    return new Vec((strip * parts + part) * rows + row, bits, 0, false);
  }

  /** Room for two vectors for each strip, for the subclass. */
  static Mem room(int strip) {
    return Mem.at(Gp.RSP, strip * 2 * VECTOR_BYTES);
  }

  /** Bytes that the subclass needs beside {@link #room}. */
  int moreRoomBytes() {
    return 0;
  }

  /** Where they begin. */
  static Mem moreRoom() {
    return Mem.at(Gp.RSP, MORE_ROOM);
  }

  private static Mem slot(int index) {
    return Mem.at(Gp.RSP, SLOTS + 8 * index);
  }

  final void function() {
    Frame.enter(assembler, SAVED, MORE_ROOM + moreRoomBytes());
    assembler.store(BASE_SLOT, Gp.RDI);
    assembler.store(STRIDE_SLOT, Gp.RSI);
    assembler.store(INPUT_SLOT, Gp.RDX);
    assembler.store(NEXT_SLOT, Gp.RCX);
    assembler.store(BLOCKS_SLOT, Gp.R8);
    assembler.store(OUT_SLOT, Gp.R9);
    prepare();
    passes();
    Frame.leave(assembler, SAVED);
  }

  private void passes() {
    assembler.load(TEMPORARY, GROUPS);
    if (strips < STRIPS) {
      assembler.shiftLeft(TEMPORARY, Integer.numberOfTrailingZeros(STRIPS / strips));
    }
    assembler.store(PASSES_SLOT, TEMPORARY);
    Label next = assembler.here();
    pass();
    assembler.load(TEMPORARY, STRIDE_SLOT);
    assembler.shiftLeft(TEMPORARY, Integer.numberOfTrailingZeros(strips));
    assembler.load(STRIP[0], BASE_SLOT);
    assembler.alu(Alu.ADD, STRIP[0], TEMPORARY);
    assembler.store(BASE_SLOT, STRIP[0]);
    assembler.load(TEMPORARY, OUT_SLOT);
    assembler.alu(Alu.ADD, TEMPORARY, strips * VECTOR_BYTES);
    assembler.store(OUT_SLOT, TEMPORARY);
    assembler.load(TEMPORARY, PASSES_SLOT);
    assembler.alu(Alu.SUB, TEMPORARY, 1);
    assembler.store(PASSES_SLOT, TEMPORARY);
    assembler.jump(Condition.NOT_EQUAL, next);
  }

  /** The strips from STRIP[0] on. */
  private void pass() {
    if (strips > 1) {
      assembler.load(TEMPORARY, STRIDE_SLOT);
      for (int s = 1; s < strips; s++) {
        assembler.address(STRIP[s], Mem.at(STRIP[s - 1], TEMPORARY, 0));
      }
    }
    clearSums();
    startPass();
    assembler.load(BLOCKS, BLOCKS_SLOT);
    assembler.move32(AHEAD, blocksAhead * blockBytes);
    if (strips == STRIPS && blocksAhead > 0) {
      fourStreams();
    } else {
      // past its end a strip prefetches what follows it: the next pass, where there is one strip
      Label end = new Label();
      assembler.alu(Alu.CMP, BLOCKS, 0);
      assembler.jump(Condition.EQUAL, end);
      blocks();
      assembler.bind(end);
    }
    rest();
    storeSums();
  }

  /** Before a pass; a subclass may have its sums elsewhere. */
  void clearSums() {
    for (Vec sum : Vec.range(0, rows * strips * parts, bits)) {
      assembler.emit(Op.VPXORD, sum, sum, sum);
    }
  }

  /** After a pass. */
  void storeSums() {
    Gp rowBytes = AHEAD;
    loadOut(TEMPORARY, rowBytes);
    for (int row = 0; row < rows; row++) {
      for (int s = 0; s < strips; s++) {
        for (int part = 0; part < parts; part++) {
          Mem to = Mem.at(TEMPORARY, s * VECTOR_BYTES + part * bits / 8);
          assembler.emit(Op.VMOVUPS_STORE, to, sum(s, part, row));
        }
      }
      if (row + 1 < rows) {
        assembler.alu(Alu.ADD, TEMPORARY, rowBytes);
      }
    }
  }

  /** Where the pass's sums of the first row go, and how far it is to each next row's. */
  final void loadOut(Gp first, Gp rowBytes) {
    assembler.load(first, OUT_SLOT);
    assembler.load(rowBytes, GROUPS);
    assembler.shiftLeft(rowBytes, Integer.numberOfTrailingZeros(GROUP_SUM_BYTES));
  }

  /** Each stream is read ahead of; towards its end, what the caller will read next instead. */
  private void fourStreams() {
    Label start = new Label();
    Label last = new Label();
    Label end = new Label();
    // LAST_BLOCKS = min(blocks, blocksAhead), the others come first
    assembler.store32(LAST_BLOCKS_SLOT.plus(4), 0);
    assembler.store32(LAST_BLOCKS_SLOT, blocksAhead);
    assembler.alu(Alu.SUB, BLOCKS, blocksAhead);
    assembler.jump(Condition.GREATER, start);
    assembler.load(BLOCKS, BLOCKS_SLOT);
    assembler.store(LAST_BLOCKS_SLOT, BLOCKS);
    assembler.jump(last);
    assembler.bind(start);
    Label again = assembler.here();
    blocks();
    assembler.bind(last);
    assembler.load(BLOCKS, LAST_BLOCKS_SLOT);
    assembler.load(AHEAD, NEXT_SLOT);
    assembler.alu(Alu.CMP, BLOCKS, 0);
    assembler.jump(Condition.EQUAL, end);
    assembler.store32(LAST_BLOCKS_SLOT, 0);
    assembler.jump(again);
    assembler.bind(end);
  }

  /** BLOCKS blocks, at least one. */
  private void blocks() {
    Label next = assembler.here();
    block();
    assembler.alu(Alu.SUB, BLOCKS, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
  }

  /**
   * Prefetches, where the pattern says so, what lies ahead of some bytes of a strip that begin at
   * its pointer.
   */
  final void prefetch(int strip, int bytes) {
    if (blocksAhead == 0) {
      return;
    }
    for (int line = 0; line < bytes; line += VECTOR_BYTES) {
      assembler.prefetch(Assembler.Hint.T0, Mem.at(STRIP[strip], AHEAD, line));
    }
  }
}
