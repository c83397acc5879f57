package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.PackedMatrix;
import io.moka.weights.TileLayout;

/**
 * A few columns of a group of quantised weights, decoded for products of tiles: strip after strip,
 * in each its tiles of 16 rows by 32 columns. It stays in the first-level cache while all rows are
 * multiplied with it.
 *
 * <pre>
 * 8 x 64 x i8   lane = row, byte b of vector s = the code of column 4 s + b, without its bias
 * 16 x f32      scale
 * 16 x f32      offset, where the format has any
 * </pre>
 *
 * @param layout of the weights
 */
record DecodedChunk(TileLayout layout) {
  private static final int VECTOR_BYTES = TileLayout.VECTOR_BYTES;

  /** Columns of a chunk: a super-block, where there are such. */
  private static final int TILES = 8;

  /** Where the scales of a tile stand. */
  static final int SCALES = CodePlanes.QUADS * VECTOR_BYTES;

  /** Where its offsets stand. */
  static final int OFFSETS = SCALES + VECTOR_BYTES;

  /** Where the blocks of the first strip begin. */
  static final Gp WEIGHTS = Gp.RDI;

  /** From one strip to the next. */
  static final Gp STRIP_BYTES = Gp.RSI;

  /** Blocks of each strip. */
  static final Gp BLOCKS = Gp.RDX;

  /** Where the first tile goes. */
  static final Gp TO = Gp.RCX;

  private static final Gp FROM = Gp.R8;
  private static final Gp BLOCKS_LEFT = Gp.R9;
  private static final Gp TILES_LEFT = Gp.R10;
  private static final Gp STRIPS_LEFT = Gp.R11;

  private static final Vec SCALE = Vec.zmm(28);
  private static final Vec OFFSET = Vec.zmm(29);
  private static final Vec BIAS = Vec.zmm(30);
  private static final Vec SPARE = Vec.zmm(31);

  /** Blocks of weights in a chunk that is not the last. */
  int blocks() {
    return TILES / layout.blockTiles();
  }

  /** Bytes of a tile. */
  int tileBytes() {
    return layout.scales().hasOffset() ? OFFSETS + VECTOR_BYTES : OFFSETS;
  }

  /** Bytes of a chunk. */
  int bytes() {
    return PackedMatrix.GROUP_STRIPS * TILES * tileBytes();
  }

  /**
   * Writes the code that decodes some blocks of all strips. It reads {@link #WEIGHTS} and the three
   * registers after it, and overwrites those, R8 to R11, and all of the vectors.
   *
   * @param assembler takes the code
   * @param halves room for {@link BlockScales#HEADER_FLOAT_BYTES}
   */
  void decode(Assembler assembler, Mem halves) {
    CodePlanes planes = new CodePlanes(assembler, layout, SPARE, Vec.range(24, 4, 512));
    BlockScales scales = new BlockScales(assembler, layout);
    Vec[] codes = Vec.range(0, CodePlanes.QUADS, 512);
    planes.prepare();
    int bias = CodePlanes.bias(layout);
    if (bias != 0) {
      Constant word = new Constant(Constant.bytes(bias).words(), false);
      assembler.emit(Op.VPBROADCASTD, BIAS, word);
    }
    assembler.move32(STRIPS_LEFT, PackedMatrix.GROUP_STRIPS);
    Label strip = assembler.here();
    assembler.move(FROM, WEIGHTS);
    assembler.move(BLOCKS_LEFT, BLOCKS);
    Label block = assembler.here();
    if (layout.headerBytes() > 0) {
      scales.header(Mem.at(FROM, 0), halves, SCALE);
      assembler.alu(Alu.ADD, FROM, layout.headerBytes());
    }
    assembler.move32(TILES_LEFT, layout.blockTiles());
    Label tile = assembler.here();
    planes.unpack(Mem.at(FROM, 0), codes);
    for (int i = 0; i < codes.length; i++) {
      if (bias != 0) {
        assembler.emit(Op.VPSUBB, codes[i], codes[i], BIAS);
      }
      assembler.emit(Op.VMOVDQU32_STORE, Mem.at(TO, i * VECTOR_BYTES), codes[i]);
    }
    scales.load(Mem.at(FROM, 0), halves, 0, SCALE, OFFSET);
    assembler.emit(Op.VMOVUPS_STORE, Mem.at(TO, SCALES), SCALE);
    if (layout.scales().hasOffset()) {
      assembler.emit(Op.VMOVUPS_STORE, Mem.at(TO, OFFSETS), OFFSET);
    }
    assembler.alu(Alu.ADD, FROM, layout.tileBytes());
    assembler.alu(Alu.ADD, TO, tileBytes());
    next(assembler, TILES_LEFT, tile);
    next(assembler, BLOCKS_LEFT, block);
    assembler.alu(Alu.ADD, WEIGHTS, STRIP_BYTES);
    next(assembler, STRIPS_LEFT, strip);
  }

  private static void next(Assembler assembler, Gp left, Label loop) {
    assembler.alu(Alu.SUB, left, 1);
    assembler.jump(Condition.NOT_EQUAL, loop);
  }
}
