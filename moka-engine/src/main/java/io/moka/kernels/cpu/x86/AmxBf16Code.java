package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Hint;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;

/**
 * The product of rows with a group of 64 rows of BF16 weights, by tiles (AMX). A row is the sum of
 * one or more parts of bf16 ({@link SplitCode}). Rows come in panels of 16: for each block of 32
 * columns and each row its parts, 64 bytes each. There is a function for each number of rows of the
 * last panel.
 *
 * <pre>
 * void product(weights, stripBytes, panels, blocks, out, fullPanels, panelBytes,
 *              lastPanel, lastOut, ahead, blocksBefore, aheadThen, rest)
 *   weights       the first strip of the group; the others follow at stripBytes
 *   panels        of the rows, panelBytes each; the last, which has fewer rows, comes first
 *   blocks        whole blocks of a strip
 *   out           for each row 64 floats, row after row
 *   fullPanels    panels of 16 rows before the last
 *   ahead         bytes from where the last panel reads a strip to what should be prefetched then,
 *                 for blocksBefore blocks; aheadThen for those that follow
 *   rest          0, or where a block of each strip lies, 1024 bytes each, that follows the whole ones
 *
 * for each panel, for each block, for each strip, for each part: sums[strip] += part * weights
 * </pre>
 *
 * <p>The pairs of a strip are the tile that the processor wants. It adds up the products of even
 * columns of a block, and of odd ones, each in a chain of fused multiply-adds from zero, then the
 * two, then them to the sum; numbers below 2^-126 are zeros on the way in and out.
 */
final class AmxBf16Code {
  /** Columns of a block. */
  static final int BLOCK_COLUMNS = 32;

  /** Bytes of a block of a strip. */
  static final int BLOCK_BYTES = BLOCK_COLUMNS / 2 * GroupCode.VECTOR_BYTES;

  private static final int MAX_ROWS = GroupCode.MAX_ROWS;
  private static final int STRIPS = PackedMatrix.GROUP_STRIPS;
  private static final int VECTOR_BYTES = GroupCode.VECTOR_BYTES;

  private static final Gp[] STRIP = {Gp.RDI, Gp.RSI, Gp.R10, Gp.R11};
  private static final Gp PANEL = Gp.RDX;
  private static final Gp BLOCKS = Gp.RCX;
  private static final Gp OUT = Gp.R8;
  private static final Gp FULL_PANELS = Gp.R9;

  /** From one row of a tile to the next: of weights, of a panel, of sums. */
  private static final Gp VECTOR_STRIDE = Gp.RAX;

  private static final Gp RECORD_STRIDE = Gp.RBX;
  private static final Gp OUT_STRIDE = Gp.R12;

  private static final Gp BLOCKS_LEFT = Gp.R13;
  private static final Gp AHEAD = Gp.R14;
  private static final Gp STRIP_BYTES = Gp.R15;
  private static final Gp[] SAVED = {Gp.RBX, Gp.R12, Gp.R13, Gp.R14, Gp.R15};

  /** The frame: the shapes of tiles, slots. */
  private static final Mem SHAPES = Mem.at(Gp.RSP, 0);

  private static final Mem WEIGHTS_SLOT = SHAPES.plus(TileShapes.BYTES);
  private static final Mem PANEL_SLOT = WEIGHTS_SLOT.plus(8);
  private static final Mem OUT_SLOT = WEIGHTS_SLOT.plus(16);
  private static final Mem BLOCKS_SLOT = WEIGHTS_SLOT.plus(24);
  private static final int FRAME_BYTES = TileShapes.BYTES + VECTOR_BYTES;

  private static final Mem PANEL_BYTES = Frame.argument(0);
  private static final Mem LAST_PANEL = Frame.argument(1);
  private static final Mem LAST_OUT = Frame.argument(2);
  private static final Mem FIRST_AHEAD = Frame.argument(3);
  private static final Mem BLOCKS_BEFORE = Frame.argument(4);
  private static final Mem AHEAD_THEN = Frame.argument(5);
  private static final Mem REST = Frame.argument(6);

  private final Assembler assembler;
  private final int parts;

  private AmxBf16Code(Assembler assembler, int parts) {
    this.assembler = assembler;
    this.parts = parts;
  }

  /** Writes the function for a number of parts and of rows of the last panel. */
  static void emit(Assembler assembler, int parts, int lastRows) {
    new AmxBf16Code(assembler, parts).function(lastRows);
  }

  /** The tiles for panels of a number of rows. */
  private final class PanelTiles {
    final int rows;
    final TileShapes shapes = new TileShapes();
    final Tile[] sums = new Tile[STRIPS];
    final Tile[] x = new Tile[parts];
    final Tile weights = shapes.add(BLOCK_COLUMNS / 2, VECTOR_BYTES);

    PanelTiles(int rows) {
      this.rows = rows;
      for (int i = 0; i < sums.length; i++) {
        sums[i] = shapes.add(rows, VECTOR_BYTES);
      }
      for (int i = 0; i < x.length; i++) {
        x[i] = shapes.add(rows, 2 * BLOCK_COLUMNS);
      }
    }
  }

  private void function(int lastRows) {
    Frame.enter(assembler, SAVED, FRAME_BYTES);
    assembler.store(WEIGHTS_SLOT, Gp.RDI);
    assembler.move(STRIP_BYTES, Gp.RSI);
    assembler.move32(VECTOR_STRIDE, VECTOR_BYTES);
    assembler.move32(RECORD_STRIDE, parts * VECTOR_BYTES);
    assembler.move32(OUT_STRIDE, STRIPS * VECTOR_BYTES);
    assembler.store(PANEL_SLOT, PANEL);
    assembler.store(OUT_SLOT, OUT);
    assembler.store(BLOCKS_SLOT, BLOCKS);
    lastPanel(new PanelTiles(lastRows));
    Label end = new Label();
    assembler.alu(Alu.CMP, FULL_PANELS, 0);
    assembler.jump(Condition.EQUAL, end);
    fullPanels(new PanelTiles(MAX_ROWS));
    assembler.bind(end);
    assembler.releaseTiles();
    Frame.leave(assembler, SAVED);
  }

  /** The panel that brings the group into the cache. */
  private void lastPanel(PanelTiles tiles) {
    tiles.shapes.configure(assembler, SHAPES);
    start(tiles);
    assembler.load(PANEL, LAST_PANEL);
    assembler.load(OUT, LAST_OUT);
    assembler.load(BLOCKS_LEFT, BLOCKS_BEFORE);
    assembler.load(AHEAD, FIRST_AHEAD);
    assembler.alu(Alu.SUB, BLOCKS, BLOCKS_LEFT);
    blocks(tiles, true);
    assembler.move(BLOCKS_LEFT, BLOCKS);
    assembler.load(AHEAD, AHEAD_THEN);
    blocks(tiles, true);
    end(tiles);
  }

  private void fullPanels(PanelTiles tiles) {
    tiles.shapes.configure(assembler, SHAPES);
    assembler.load(OUT, OUT_SLOT);
    Label again = assembler.here();
    start(tiles);
    assembler.load(PANEL, PANEL_SLOT);
    assembler.load(BLOCKS_LEFT, BLOCKS_SLOT);
    blocks(tiles, false);
    end(tiles);
    assembler.load(PANEL, PANEL_SLOT);
    assembler.load(BLOCKS_LEFT, PANEL_BYTES);
    assembler.alu(Alu.ADD, PANEL, BLOCKS_LEFT);
    assembler.store(PANEL_SLOT, PANEL);
    assembler.alu(Alu.ADD, OUT, MAX_ROWS * STRIPS * VECTOR_BYTES);
    assembler.alu(Alu.SUB, FULL_PANELS, 1);
    assembler.jump(Condition.NOT_EQUAL, again);
  }

  private void start(PanelTiles tiles) {
    for (Tile sum : tiles.sums) {
      assembler.zeroTile(sum);
    }
    assembler.load(STRIP[0], WEIGHTS_SLOT);
    for (int s = 1; s < STRIPS; s++) {
      assembler.address(STRIP[s], Mem.at(STRIP[s - 1], STRIP_BYTES, 0));
    }
  }

  /** BLOCKS_LEFT blocks. */
  private void blocks(PanelTiles tiles, boolean prefetches) {
    Label none = new Label();
    assembler.alu(Alu.CMP, BLOCKS_LEFT, 0);
    assembler.jump(Condition.EQUAL, none);
    Label next = assembler.here();
    block(tiles, prefetches);
    assembler.alu(Alu.SUB, BLOCKS_LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    assembler.bind(none);
  }

  private void block(PanelTiles tiles, boolean prefetches) {
    for (int part = 0; part < parts; part++) {
      Mem x = Mem.at(PANEL, RECORD_STRIDE, part * VECTOR_BYTES);
      assembler.tileMemory(TileOp.TILELOADD, tiles.x[part], x);
    }
    for (int s = 0; s < STRIPS; s++) {
      Mem weights = Mem.at(STRIP[s], VECTOR_STRIDE, 0);
      assembler.tileMemory(TileOp.TILELOADD, tiles.weights, weights);
      for (int line = 0; prefetches && line < BLOCK_BYTES; line += VECTOR_BYTES) {
        assembler.prefetch(Hint.T0, Mem.at(STRIP[s], AHEAD, line));
      }
      for (int part = 0; part < parts; part++) {
        assembler.multiplyTiles(TileOp.TDPBF16PS, tiles.sums[s], tiles.x[part], tiles.weights);
      }
      assembler.alu(Alu.ADD, STRIP[s], BLOCK_BYTES);
    }
    assembler.alu(Alu.ADD, PANEL, tiles.rows * parts * VECTOR_BYTES);
  }

  /** The last block, if it is not whole, and the sums. */
  private void end(PanelTiles tiles) {
    Label none = new Label();
    assembler.load(STRIP[0], REST);
    assembler.alu(Alu.CMP, STRIP[0], 0);
    assembler.jump(Condition.EQUAL, none);
    for (int s = 1; s < STRIPS; s++) {
      assembler.address(STRIP[s], Mem.at(STRIP[s - 1], BLOCK_BYTES));
    }
    block(tiles, false);
    assembler.bind(none);
    for (int s = 0; s < STRIPS; s++) {
      Mem to = Mem.at(OUT, OUT_STRIDE, s * VECTOR_BYTES);
      assembler.tileMemory(TileOp.TILESTORED, tiles.sums[s], to);
    }
  }
}
