package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Hint;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.TileLayout;

/**
 * The product of 1 to 16 quantised rows with a group of 64 rows of packed weights, in AVX-512 with
 * byte dot products.
 *
 * <pre>
 * void product(weights, stripBytes, panel, table, blocks, out)
 *   weights     the first strip of the group; the others follow at stripBytes
 *   panel       for each 32 columns a record of each row (ActivationRecord)
 *   table       i64: bytes from where the last blocks are read to what should be prefetched then;
 *               for each row: i64 offset of its sums in out
 *   blocks      blocks of a strip (TileLayout), at least 1
 *   out         64 floats for each row
 *
 * for each pass over 4, 2 or 1 strips            as many as there are registers for sums
 *   for each block, each of its tiles
 *     for each strip
 *       codes 0..7 = the tile's codes            stay in registers for all rows
 *       for each sub-block
 *         scale, offset = those of the sub-block
 *         for each row
 *           dot = -bias sum(a) + sum over quads of code * a       exact integers
 *           sum += dot * (scale * da);  sum += offset * (da sum(a))
 * </pre>
 *
 * <p>Rows are taken four at a time, so that four chains of dot products are under way. Activations
 * are broadcast from memory within the instruction; their addresses have no index register, with
 * one the processor splits the instruction in two (370 against 500 GOP/s). A lane is a row of
 * weights, and each sum is one chain over ascending columns: its bits depend neither on the number
 * of rows nor on that of strips.
 */
final class Int8GroupCode {
  /** Rows that one call takes at most. */
  static final int MAX_ROWS = 16;

  /** Strips of a group. */
  static final int STRIPS = 4;

  /** Sums that stay in registers. */
  private static final int SUMS = 16;

  /** Rows whose dot products are under way at once. */
  private static final int ROWS_AT_ONCE = 4;

  private static final Gp[] STRIP = {Gp.RDI, Gp.RSI, Gp.R10, Gp.R11};
  private static final Gp PANEL = Gp.RDX;
  private static final Gp TABLE = Gp.RCX;
  private static final Gp BLOCKS = Gp.R8;
  private static final Gp OUT = Gp.R9;
  private static final Gp TEMPORARY = Gp.RAX;
  private static final Gp TILES = Gp.RBX;
  private static final Gp AHEAD = Gp.R12;
  private static final Gp[] SAVED = {Gp.RBX, Gp.R12};

  /** Where PANEL points in a block of it: short displacements reach 512 bytes to either side. */
  private static final int PANEL_BIAS = 256;

  /** The frame: the halves of each strip's super-block as floats, then the slots. */
  private static final int SLOTS = STRIPS * BlockScales.HEADER_FLOAT_BYTES;

  private static final Mem BASE_SLOT = Mem.at(Gp.RSP, SLOTS);
  private static final Mem STRIDE_SLOT = Mem.at(Gp.RSP, SLOTS + 8);
  private static final Mem PANEL_SLOT = Mem.at(Gp.RSP, SLOTS + 16);
  private static final Mem BLOCKS_SLOT = Mem.at(Gp.RSP, SLOTS + 24);
  private static final Mem LAST_BLOCKS_SLOT = Mem.at(Gp.RSP, SLOTS + 32);
  private static final Mem PASSES_SLOT = Mem.at(Gp.RSP, SLOTS + 40);
  private static final int FRAME_BYTES = SLOTS + 64;

  private static final Vec SCALE = Vec.zmm(28);
  private static final Vec OFFSET = Vec.zmm(29);
  private static final Vec FACTOR = Vec.zmm(30);
  private static final Vec SPARE = Vec.zmm(31);

  private final Assembler assembler;
  private final TileLayout layout;
  private final ActivationRecord rec;
  private final int rows;
  private final int strips;
  private final int blocksAhead;
  private final Vec[] codes = registers(16, CodePlanes.QUADS);
  private final Vec[] dots = registers(24, ROWS_AT_ONCE);
  private final CodePlanes planes;
  private final BlockScales scales;

  private Int8GroupCode(Assembler assembler, TileLayout layout, int rows, int blocksAhead) {
    this.assembler = assembler;
    this.layout = layout;
    this.rec = ActivationRecord.of(layout);
    this.rows = rows;
    this.strips = strips(rows);
    this.blocksAhead = blocksAhead;
    this.planes = new CodePlanes(assembler, layout, SPARE, dots);
    this.scales = new BlockScales(assembler, layout);
  }

  /** Strips of a pass. */
  static int strips(int rows) {
    return Integer.highestOneBit(Math.min(STRIPS, SUMS / rows));
  }

  /** Writes the function for a number of rows; it prefetches some blocks ahead. */
  static void emit(Assembler assembler, TileLayout layout, int rows, int blocksAhead) {
    new Int8GroupCode(assembler, layout, rows, blocksAhead).function();
  }

  private static Vec[] registers(int first, int count) {
    Vec[] registers = new Vec[count];
    for (int i = 0; i < count; i++) {
      registers[i] = Vec.zmm(first + i);
    }
    return registers;
  }

  private Vec sum(int strip, int row) {
    return Vec.zmm(strip * rows + row);
  }

  private void function() {
    assembler.push(Gp.RBP);
    assembler.move(Gp.RBP, Gp.RSP);
    for (Gp saved : SAVED) {
      assembler.push(saved);
    }
    assembler.alu(Alu.SUB, Gp.RSP, FRAME_BYTES);
    assembler.alu(Alu.AND, Gp.RSP, -64);
    assembler.alu(Alu.ADD, PANEL, PANEL_BIAS);
    assembler.store(BASE_SLOT, STRIP[0]);
    assembler.store(STRIDE_SLOT, STRIP[1]);
    assembler.store(PANEL_SLOT, PANEL);
    assembler.store(BLOCKS_SLOT, BLOCKS);
    planes.prepare();
    if (strips == STRIPS) {
      pass();
    } else {
      passes();
    }
    assembler.address(Gp.RSP, Mem.at(Gp.RBP, -8 * SAVED.length));
    for (int i = SAVED.length - 1; i >= 0; i--) {
      assembler.pop(SAVED[i]);
    }
    assembler.pop(Gp.RBP);
    assembler.vzeroupper();
    assembler.ret();
  }

  private void passes() {
    assembler.move32(TEMPORARY, STRIPS / strips);
    assembler.store(PASSES_SLOT, TEMPORARY);
    Label next = assembler.here();
    pass();
    assembler.load(TEMPORARY, STRIDE_SLOT);
    assembler.shiftLeft(TEMPORARY, Integer.numberOfTrailingZeros(strips));
    assembler.load(STRIP[0], BASE_SLOT);
    assembler.alu(Alu.ADD, STRIP[0], TEMPORARY);
    assembler.store(BASE_SLOT, STRIP[0]);
    assembler.load(PANEL, PANEL_SLOT);
    assembler.alu(Alu.ADD, OUT, strips * TileLayout.VECTOR_BYTES);
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
    for (int s = 0; s < strips; s++) {
      for (int row = 0; row < rows; row++) {
        assembler.emit(Op.VPXORD, sum(s, row), sum(s, row), sum(s, row));
      }
    }
    assembler.load(BLOCKS, BLOCKS_SLOT);
    assembler.move32(AHEAD, blocksAhead * layout.blockBytes());
    if (strips == STRIPS) {
      fourStreams();
    } else {
      blocks();
    }
    for (int row = 0; row < rows; row++) {
      assembler.load(TEMPORARY, outOffset(row));
      for (int s = 0; s < strips; s++) {
        Mem to = Mem.at(OUT, TEMPORARY, s * TileLayout.VECTOR_BYTES);
        assembler.emit(Op.VMOVUPS_STORE, to, sum(s, row));
      }
    }
  }

  /** Each stream is read ahead of; towards its end, what the caller will read next instead. */
  private void fourStreams() {
    Label start = new Label();
    Label last = new Label();
    Label end = new Label();
    // the last blocks: min(blocks, blocksAhead)
    assembler.move32(TEMPORARY, blocksAhead);
    assembler.alu(Alu.SUB, BLOCKS, blocksAhead);
    assembler.jump(Condition.GREATER, start);
    assembler.load(TEMPORARY, BLOCKS_SLOT);
    assembler.store(LAST_BLOCKS_SLOT, TEMPORARY);
    assembler.jump(last);
    assembler.bind(start);
    assembler.store(LAST_BLOCKS_SLOT, TEMPORARY);
    Label again = assembler.here();
    blocks();
    assembler.bind(last);
    assembler.load(BLOCKS, LAST_BLOCKS_SLOT);
    assembler.load(AHEAD, Mem.at(TABLE, 0));
    assembler.alu(Alu.CMP, BLOCKS, 0);
    assembler.jump(Condition.EQUAL, end);
    assembler.store32(LAST_BLOCKS_SLOT, 0);
    assembler.store32(LAST_BLOCKS_SLOT.plus(4), 0);
    assembler.jump(again);
    assembler.bind(end);
  }

  /** BLOCKS blocks, at least one. */
  private void blocks() {
    Label block = assembler.here();
    if (layout.headerBytes() > 0) {
      for (int s = 0; s < strips; s++) {
        scales.header(Mem.at(STRIP[s], 0), header(s), FACTOR);
        assembler.prefetch(Hint.T0, Mem.at(STRIP[s], AHEAD, 0));
        assembler.alu(Alu.ADD, STRIP[s], layout.headerBytes());
      }
    }
    if (layout.blockTiles() > 1) {
      assembler.move32(TILES, layout.blockTiles());
      Label tile = assembler.here();
      tile();
      assembler.alu(Alu.SUB, TILES, 1);
      assembler.jump(Condition.NOT_EQUAL, tile);
    } else {
      tile();
    }
    assembler.alu(Alu.SUB, BLOCKS, 1);
    assembler.jump(Condition.NOT_EQUAL, block);
  }

  private static Mem header(int strip) {
    return Mem.at(Gp.RSP, strip * BlockScales.HEADER_FLOAT_BYTES);
  }

  private void tile() {
    for (int s = 0; s < strips; s++) {
      for (int line = 0; line < layout.tileBytes(); line += 64) {
        assembler.prefetch(Hint.T0, Mem.at(STRIP[s], AHEAD, line));
      }
      Mem tile = Mem.at(STRIP[s], 0);
      planes.unpack(tile, codes);
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        scales.load(tile, header(s), sub, SCALE, OFFSET);
        for (int first = 0; first < rows; first += ROWS_AT_ONCE) {
          multiply(s, sub, first, Math.min(ROWS_AT_ONCE, rows - first));
        }
      }
      assembler.alu(Alu.ADD, STRIP[s], layout.tileBytes());
    }
    assembler.alu(Alu.ADD, PANEL, rows * rec.bytes());
  }

  private void multiply(int strip, int sub, int first, int count) {
    int sumOffset = ActivationRecord.SUMS + 4 * sub;
    for (int i = 0; i < count; i++) {
      if (layout.scales().hasOffset()) {
        assembler.emit(Op.VPXORD, dots[i], dots[i], dots[i]);
      } else {
        assembler.emit(Op.VPBROADCASTD, dots[i], activation(first + i, sumOffset));
      }
    }
    int quads = CodePlanes.QUADS / layout.subBlocks();
    for (int q = sub * quads; q < (sub + 1) * quads; q++) {
      for (int i = 0; i < count; i++) {
        assembler.emit(Op.VPDPBUSD, dots[i], codes[q], activation(first + i, 4 * q).toAllLanes());
      }
    }
    for (int i = 0; i < count; i++) {
      Vec sum = sum(strip, first + i);
      assembler.emit(Op.VCVTDQ2PS, dots[i], dots[i]);
      assembler.emit(
          Op.VMULPS, FACTOR, SCALE, activation(first + i, ActivationRecord.SCALE).toAllLanes());
      assembler.emit(Op.VFMADD231PS, sum, dots[i], FACTOR);
      if (layout.scales().hasOffset()) {
        assembler.emit(Op.VFMADD231PS, sum, OFFSET, activation(first + i, sumOffset).toAllLanes());
      }
    }
  }

  private Mem activation(int row, int offset) {
    return Mem.at(PANEL, row * rec.bytes() + offset - PANEL_BIAS);
  }

  private static Mem outOffset(int row) {
    return Mem.at(TABLE, 8 + 8 * row);
  }
}
