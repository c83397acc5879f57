package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Hint;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;

/**
 * The product of rows of 8 bits with a group of 64 rows of quantised weights, by tiles (AMX). The
 * sums, their order and so their bits are those of {@link Int8GroupCode}. Rows come in panels of 16
 * ({@link ActivationRecord}); there is a function for each number of rows of the last panel.
 *
 * <pre>
 * void product(weights, stripBytes, panels, next, blocks, out, fullPanels, panelBytes, chunk)
 *   weights     the first strip of the group; the others follow at stripBytes
 *   panels      of the rows, panelBytes each; the last has fewer rows
 *   next        the group that should be prefetched meanwhile
 *   blocks      blocks of a strip
 *   out         for each row 64 floats, row after row
 *   fullPanels  panels before the last
 *   chunk       room for a {@link DecodedChunk}
 *
 * out = 0
 * for each chunk of columns
 *   decode all strips of it
 *   for each panel, for each strip, for each tile of the strip
 *     dots = MAGIC + rows x codes      [rows, 16] exact integers, read as floats: 1.5 2^23 + dot
 *     for each row: sum += (dots[row] - MAGIC) * (scale * da);  sum += offset * (da sum(a))
 * </pre>
 *
 * <p>While tiles are in use a core has one port for multiplications of 512 bits, which a conversion
 * to float would need too; the subtraction takes another. Dots go through memory, and while those
 * of one tile are summed up the next three are under way: one being stored, two being multiplied.
 */
final class AmxInt8Code {
  private static final int MAX_ROWS = GroupCode.MAX_ROWS;
  private static final int STRIPS = PackedMatrix.GROUP_STRIPS;
  private static final int VECTOR_BYTES = TileLayout.VECTOR_BYTES;
  private static final int DOTS_BYTES = MAX_ROWS * VECTOR_BYTES;

  /** 1.5 times 2^23: a float whose last bit is worth 1, with room for 2^22 either way. */
  private static final float MAGIC = 0x1.8p23f;

  /** From one row of a tile to the next: of codes and dots, of records, of the magic row. */
  private static final Gp VECTOR_STRIDE = Gp.RAX;

  private static final Gp RECORD_STRIDE = Gp.RBX;
  private static final Gp NO_STRIDE = Gp.R12;

  /** Of the tile that is multiplied next. */
  private static final Gp CODES = Gp.RDI;

  private static final Gp PANEL = Gp.RDX;
  private static final Gp TO_MULTIPLY = Gp.R11;
  private static final Gp TO_MULTIPLY_IN_STRIP = Gp.RSI;
  private static final Gp NEXT = Gp.RCX;

  /** Of the tile whose dots are summed up. */
  private static final Gp SCALES = Gp.R8;

  private static final Gp RECORDS = Gp.R10;
  private static final Gp TO_SUM_IN_STRIP = Gp.R13;
  private static final Gp STRIPS_LEFT = Gp.R14;
  private static final Gp OUT = Gp.R9;
  private static final Gp TEMPORARY = Gp.R15;

  private static final Gp[] SAVED = {Gp.RBX, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

  /** The frame: two tiles of dots, the magic row, the shapes of tiles, halves, slots. */
  private static final Mem MAGIC_ROW = Mem.at(Gp.RSP, 2 * DOTS_BYTES);

  private static final Mem SHAPES = MAGIC_ROW.plus(VECTOR_BYTES);
  private static final Mem HALVES = SHAPES.plus(TileShapes.BYTES);
  private static final Mem WEIGHTS_SLOT = HALVES.plus(BlockScales.HEADER_FLOAT_BYTES);
  private static final Mem STRIP_BYTES_SLOT = WEIGHTS_SLOT.plus(8);
  private static final Mem NEXT_SLOT = WEIGHTS_SLOT.plus(16);
  private static final Mem BLOCKS_SLOT = WEIGHTS_SLOT.plus(24);
  private static final Mem OUT_SLOT = WEIGHTS_SLOT.plus(32);

  /** Where the chunk's columns begin in the first panel and in the last. */
  private static final Mem FULL_SLOT = WEIGHTS_SLOT.plus(40);

  private static final Mem LAST_SLOT = WEIGHTS_SLOT.plus(48);

  /** Tiles of a strip in this chunk. */
  private static final Mem CHUNK_TILES_SLOT = WEIGHTS_SLOT.plus(56);

  /** What is prefetched meanwhile: where its first strip begins, and where the one at hand does. */
  private static final Mem AHEAD_SLOT = WEIGHTS_SLOT.plus(64);

  private static final Mem AHEAD_STRIP_SLOT = WEIGHTS_SLOT.plus(72);
  private static final Mem PANEL_SLOT = WEIGHTS_SLOT.plus(80);
  private static final Mem PANELS_LEFT_SLOT = WEIGHTS_SLOT.plus(88);
  private static final int FRAME_BYTES = 2 * DOTS_BYTES + 7 * VECTOR_BYTES;

  private static final Mem FULL_PANELS = Frame.argument(0);
  private static final Mem PANEL_BYTES = Frame.argument(1);
  private static final Mem CHUNK = Frame.argument(2);

  /** Where RECORDS points in a record: short displacements reach 512 bytes to either side. */
  private static final int RECORD_BIAS = 256;

  private static final Vec SCALE = Vec.zmm(28);
  private static final Vec OFFSET = Vec.zmm(29);
  private static final Vec MINUS_MAGIC = Vec.zmm(30);

  /** Rows that are summed up at once, each with two temporaries from zmm16 on. */
  private static final int ROWS_AT_ONCE = 6;

  private final Assembler assembler;
  private final TileLayout layout;
  private final ActivationRecord rec;
  private final DecodedChunk chunk;
  private final int lastRows;
  private final TileShapes shapes = new TileShapes();
  private final Tile codes = shapes.add(CodePlanes.QUADS, VECTOR_BYTES);
  private final PanelTiles full = new PanelTiles(MAX_ROWS);
  private final PanelTiles last;

  /** The tiles for panels of a number of rows. */
  private final class PanelTiles {
    final int rows;
    final Tile activations;
    final Tile[] dots = new Tile[2];

    PanelTiles(int rows) {
      this.rows = rows;
      activations = shapes.add(rows, TileLayout.TILE_COLUMNS);
      for (int i = 0; i < dots.length; i++) {
        dots[i] = shapes.add(rows, VECTOR_BYTES);
      }
    }

    int recordsBytes() {
      return rows * rec.bytes();
    }
  }

  private AmxInt8Code(Assembler assembler, TileLayout layout, int lastRows) {
    this.assembler = assembler;
    this.layout = layout;
    this.rec = ActivationRecord.of(layout);
    this.chunk = new DecodedChunk(layout);
    this.lastRows = lastRows;
    this.last = new PanelTiles(lastRows);
  }

  /** Whether there are such functions for a layout. */
  static boolean supports(TileLayout layout) {
    return layout.subBlocks() == 1;
  }

  /** Writes the function for a number of rows of the last panel. */
  static void emit(Assembler assembler, TileLayout layout, int lastRows) {
    new AmxInt8Code(assembler, layout, lastRows).function();
  }

  private void function() {
    Frame.enter(assembler, SAVED, FRAME_BYTES);
    assembler.store(WEIGHTS_SLOT, Gp.RDI);
    assembler.store(STRIP_BYTES_SLOT, Gp.RSI);
    assembler.store(FULL_SLOT, Gp.RDX);
    assembler.store(LAST_SLOT, Gp.RDX);
    assembler.store(NEXT_SLOT, Gp.RCX);
    assembler.store(BLOCKS_SLOT, Gp.R8);
    assembler.store(OUT_SLOT, Gp.R9);
    shapes.configure(assembler, SHAPES);
    assembler.emit(Op.VBROADCASTSS, MINUS_MAGIC, Constant.one(MAGIC));
    assembler.emit(Op.VMOVUPS_STORE, MAGIC_ROW, MINUS_MAGIC);
    clear();
    Label chunks = assembler.here();
    chunk();
    assembler.load(TEMPORARY, BLOCKS_SLOT);
    assembler.alu(Alu.CMP, TEMPORARY, 0);
    assembler.jump(Condition.NOT_EQUAL, chunks);
    assembler.releaseTiles();
    Frame.leave(assembler, SAVED);
  }

  /** Zeros for all sums; LAST_SLOT becomes the beginning of the last panel. */
  private void clear() {
    Vec zero = Vec.zmm(0);
    assembler.emit(Op.VPXORD, zero, zero, zero);
    assembler.load(TEMPORARY, FULL_PANELS);
    assembler.load(PANEL, LAST_SLOT);
    Label end = new Label();
    Label again = assembler.here();
    assembler.alu(Alu.SUB, TEMPORARY, 1);
    assembler.jump(Condition.LESS, end);
    clear(MAX_ROWS, zero);
    assembler.load(RECORDS, PANEL_BYTES);
    assembler.alu(Alu.ADD, PANEL, RECORDS);
    assembler.jump(again);
    assembler.bind(end);
    assembler.store(LAST_SLOT, PANEL);
    clear(lastRows, zero);
  }

  private void clear(int rows, Vec zero) {
    for (int i = 0; i < rows * STRIPS; i++) {
      assembler.emit(Op.VMOVUPS_STORE, Mem.at(OUT, i * VECTOR_BYTES), zero);
    }
    assembler.alu(Alu.ADD, OUT, rows * STRIPS * VECTOR_BYTES);
  }

  private void chunk() {
    Label partial = new Label();
    Label sized = new Label();
    // WEIGHTS, AHEAD = where this chunk begins, and the next one, which may be the next group's
    assembler.load(DecodedChunk.WEIGHTS, WEIGHTS_SLOT);
    assembler.load(DecodedChunk.STRIP_BYTES, STRIP_BYTES_SLOT);
    assembler.move32(DecodedChunk.BLOCKS, chunk.blocks());
    assembler.load(TEMPORARY, BLOCKS_SLOT);
    assembler.alu(Alu.SUB, TEMPORARY, chunk.blocks());
    assembler.jump(Condition.LESS_OR_EQUAL, partial);
    assembler.store(BLOCKS_SLOT, TEMPORARY);
    assembler.address(
        TEMPORARY, Mem.at(DecodedChunk.WEIGHTS, chunk.blocks() * layout.blockBytes()));
    assembler.store(WEIGHTS_SLOT, TEMPORARY);
    assembler.jump(sized);
    assembler.bind(partial);
    assembler.load(DecodedChunk.BLOCKS, BLOCKS_SLOT);
    assembler.move32(TEMPORARY, 0);
    assembler.store(BLOCKS_SLOT, TEMPORARY);
    assembler.load(TEMPORARY, NEXT_SLOT);
    assembler.bind(sized);
    assembler.store(AHEAD_SLOT, TEMPORARY);
    assembler.move(TEMPORARY, DecodedChunk.BLOCKS);
    assembler.shiftLeft(TEMPORARY, Integer.numberOfTrailingZeros(layout.blockTiles()));
    assembler.store(CHUNK_TILES_SLOT, TEMPORARY);
    assembler.load(DecodedChunk.TO, CHUNK);
    chunk.decode(assembler, HALVES);
    assembler.emit(Op.VBROADCASTSS, MINUS_MAGIC, Constant.one(-MAGIC));
    assembler.move32(VECTOR_STRIDE, VECTOR_BYTES);
    assembler.move32(RECORD_STRIDE, rec.bytes());
    assembler.move32(NO_STRIDE, 0);
    assembler.load(OUT, OUT_SLOT);
    panels();
  }

  private void panels() {
    assembler.load(PANEL, FULL_SLOT);
    assembler.load(TEMPORARY, FULL_PANELS);
    Label end = new Label();
    Label again = assembler.here();
    assembler.alu(Alu.SUB, TEMPORARY, 1);
    assembler.jump(Condition.LESS, end);
    assembler.store(PANELS_LEFT_SLOT, TEMPORARY);
    panel(full);
    assembler.alu(Alu.ADD, OUT, (MAX_ROWS - 1) * STRIPS * VECTOR_BYTES);
    assembler.load(PANEL, PANEL_SLOT);
    assembler.load(TEMPORARY, PANEL_BYTES);
    assembler.alu(Alu.ADD, PANEL, TEMPORARY);
    assembler.load(TEMPORARY, PANELS_LEFT_SLOT);
    assembler.jump(again);
    assembler.bind(end);
    assembler.load(PANEL, LAST_SLOT);
    panel(last);
    advance(FULL_SLOT, full);
    advance(LAST_SLOT, last);
  }

  /** Moves a place in a panel on by the columns of the chunk. */
  private void advance(Mem slot, PanelTiles tiles) {
    assembler.load(TEMPORARY, CHUNK_TILES_SLOT);
    assembler.multiply(TEMPORARY, TEMPORARY, tiles.recordsBytes());
    assembler.load(PANEL, slot);
    assembler.alu(Alu.ADD, PANEL, TEMPORARY);
    assembler.store(slot, PANEL);
  }

  /** All strips of the chunk, one behind the other; OUT moves on by the four. */
  private void panel(PanelTiles tiles) {
    assembler.store(PANEL_SLOT, PANEL);
    assembler.load(CODES, CHUNK);
    assembler.move(SCALES, CODES);
    assembler.load(TO_MULTIPLY_IN_STRIP, CHUNK_TILES_SLOT);
    assembler.move(TO_MULTIPLY, TO_MULTIPLY_IN_STRIP);
    assembler.shiftLeft(TO_MULTIPLY, Integer.numberOfTrailingZeros(STRIPS));
    assembler.move32(STRIPS_LEFT, STRIPS);
    assembler.load(NEXT, AHEAD_SLOT);
    assembler.store(AHEAD_STRIP_SLOT, NEXT);
    // the tiles of dots in turn: 0, 1, 0, 1, ...
    multiply(tiles, 0);
    multiply(tiles, 1);
    store(tiles, 0);
    multiply(tiles, 0);
    startStrip(tiles);
    Label done = new Label();
    Label start0 = new Label();
    Label start1 = assembler.here();
    sumUp(tiles, 1);
    assembler.alu(Alu.SUB, TO_SUM_IN_STRIP, 1);
    Label endsWith1 = new Label();
    assembler.jump(Condition.EQUAL, endsWith1);
    assembler.bind(start0);
    sumUp(tiles, 0);
    assembler.alu(Alu.SUB, TO_SUM_IN_STRIP, 1);
    assembler.jump(Condition.NOT_EQUAL, start1);
    endStrip(tiles, done);
    assembler.jump(start1);
    assembler.bind(endsWith1);
    endStrip(tiles, done);
    assembler.jump(start0);
    assembler.bind(done);
  }

  private void startStrip(PanelTiles tiles) {
    assembler.load(RECORDS, PANEL_SLOT);
    assembler.alu(Alu.ADD, RECORDS, RECORD_BIAS);
    assembler.load(TO_SUM_IN_STRIP, CHUNK_TILES_SLOT);
    for (int row = 0; row < tiles.rows; row++) {
      assembler.emit(Op.VMOVUPS, sum(row), sumSlot(row));
    }
  }

  private void endStrip(PanelTiles tiles, Label done) {
    for (int row = 0; row < tiles.rows; row++) {
      assembler.emit(Op.VMOVUPS_STORE, sumSlot(row), sum(row));
    }
    assembler.alu(Alu.ADD, OUT, VECTOR_BYTES);
    assembler.alu(Alu.SUB, STRIPS_LEFT, 1);
    assembler.jump(Condition.EQUAL, done);
    startStrip(tiles);
  }

  /** Sums up the dots that were stored before, while the tile's own are stored. */
  private void sumUp(PanelTiles tiles, int tile) {
    assembler.emit(Op.VMOVUPS, SCALE, Mem.at(SCALES, DecodedChunk.SCALES));
    if (layout.scales().hasOffset()) {
      assembler.emit(Op.VMOVUPS, OFFSET, Mem.at(SCALES, DecodedChunk.OFFSETS));
    }
    for (int row = 0; row < tiles.rows / 2; row++) {
      sumUp(1 - tile, row);
    }
    store(tiles, tile);
    Label none = new Label();
    assembler.alu(Alu.CMP, TO_MULTIPLY, 0);
    assembler.jump(Condition.EQUAL, none);
    multiply(tiles, tile);
    assembler.bind(none);
    for (int row = tiles.rows / 2; row < tiles.rows; row++) {
      sumUp(1 - tile, row);
    }
    assembler.alu(Alu.ADD, SCALES, chunk.tileBytes());
    assembler.alu(Alu.ADD, RECORDS, tiles.recordsBytes());
  }

  private void store(PanelTiles tiles, int tile) {
    Mem to = Mem.at(Gp.RSP, VECTOR_STRIDE, tile * DOTS_BYTES);
    assembler.tileMemory(TileOp.TILESTORED, tiles.dots[tile], to);
  }

  /** The dots of the next tile of weights. The last panel prefetches: there always is one. */
  private void multiply(PanelTiles tiles, int tile) {
    Tile dots = tiles.dots[tile];
    assembler.tileMemory(TileOp.TILELOADD, codes, Mem.at(CODES, VECTOR_STRIDE, 0));
    assembler.tileMemory(TileOp.TILELOADD, tiles.activations, Mem.at(PANEL, RECORD_STRIDE, 0));
    Mem magic = Mem.at(MAGIC_ROW.base(), NO_STRIDE, MAGIC_ROW.displacement());
    assembler.tileMemory(TileOp.TILELOADD, dots, magic);
    assembler.multiplyTiles(TileOp.TDPBSSD, dots, tiles.activations, codes);
    assembler.alu(Alu.ADD, CODES, chunk.tileBytes());
    assembler.alu(Alu.ADD, PANEL, tiles.recordsBytes());
    assembler.alu(Alu.SUB, TO_MULTIPLY, 1);
    if (tiles == last) {
      for (int line = 0; line < layout.tileBytes(); line += VECTOR_BYTES) {
        assembler.prefetch(Hint.T1, Mem.at(NEXT, line));
      }
      assembler.alu(Alu.ADD, NEXT, layout.tileBytes());
    }
    Label within = new Label();
    assembler.alu(Alu.SUB, TO_MULTIPLY_IN_STRIP, 1);
    assembler.jump(Condition.NOT_EQUAL, within);
    assembler.load(TO_MULTIPLY_IN_STRIP, CHUNK_TILES_SLOT);
    assembler.load(PANEL, PANEL_SLOT);
    if (tiles == last) {
      assembler.load(NEXT, AHEAD_STRIP_SLOT);
      assembler.load(TEMPORARY, STRIP_BYTES_SLOT);
      assembler.alu(Alu.ADD, NEXT, TEMPORARY);
      assembler.store(AHEAD_STRIP_SLOT, NEXT);
    }
    assembler.bind(within);
  }

  private void sumUp(int buffer, int row) {
    Vec dot = Vec.zmm(16 + row % ROWS_AT_ONCE * 2);
    Vec factor = Vec.zmm(17 + row % ROWS_AT_ONCE * 2);
    Mem record = Mem.broadcast(RECORDS, row * rec.bytes() - RECORD_BIAS);
    Mem from = Mem.at(Gp.RSP, buffer * DOTS_BYTES + row * VECTOR_BYTES);
    assembler.emit(Op.VADDPS, dot, MINUS_MAGIC, from);
    assembler.emit(Op.VMULPS, factor, SCALE, record.plus(ActivationRecord.SCALE));
    assembler.emit(Op.VFMADD231PS, sum(row), dot, factor);
    if (layout.scales().hasOffset()) {
      assembler.emit(Op.VFMADD231PS, sum(row), OFFSET, record.plus(ActivationRecord.SUMS));
    }
  }

  private static Vec sum(int row) {
    return Vec.zmm(row);
  }

  private static Mem sumSlot(int row) {
    return Mem.at(OUT, row * STRIPS * VECTOR_BYTES);
  }
}
