package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.Assembler.Alu;
import io.moka.kernels.cpu.x86.Assembler.Condition;
import io.moka.kernels.cpu.x86.Assembler.Label;
import io.moka.weights.TileLayout;

/**
 * The product of {@link Int8TileCode} in AVX2: a register is half a strip, 8 rows of weights.
 *
 * <p>With 16 registers the codes of a tile stay in eight of them for all rows, and the sums lie in
 * the frame ({@link FrameSums}), 4 KiB at most. Strips are taken in a loop, and in it rows four at
 * a time in another, so that the code fits the caches of decoded instructions.
 */
final class Int8Avx2Code extends Int8TileCode {
  /** How integer dot products of four bytes come to be. */
  enum Dots {
    /**
     * AVX-VNNI adds four products of unsigned codes and signed activations to 32 bits: nothing is
     * cut off.
     */
    VNNI,

    /**
     * Pairs of products in 16 bits, added up over some quads of columns before they go to 32 bits.
     * A code is at most c and an activation at most 128, so that a pair is at most 256 c, and as
     * many quads are added as fit 32767: 8 of 4 bits and fewer, 4 of 5 bits and of MXFP4, 2 of 6
     * bits.
     */
    WORDS,

    /**
     * For Q8_0, IQ4_NL and IQ4_XS, whose unsigned codes are too large for that: the code's
     * magnitude times the activation with the code's sign. A magnitude is at most 128 and an
     * activation at most 127, so that a pair is at most 2 * 128 * 127 = 32512, and goes to 32 bits
     * at once. Blocks that are not finite have activations of -128, and a scale that makes their
     * sums NaN or infinite whatever the integer.
     */
    SIGNS;

    static Dots of(TileLayout layout, boolean vnni) {
      return vnni ? VNNI : wordQuads(layout) > 0 ? WORDS : SIGNS;
    }

    /** Quads whose pairs of products fit 16 bits together: a power of two, or 0. */
    static int wordQuads(TileLayout layout) {
      int pair = 2 * CodePlanes.largest(layout) * 128;
      return Integer.highestOneBit(Short.MAX_VALUE / pair);
    }
  }

  /** Rows of a turn of the loop; their records are within reach of displacements of a byte. */
  private static final int ROWS_AT_ONCE = 4;

  private static final int PANEL_BIAS = 88;
  private static final int PARTS = 2;
  private static final int PART_BYTES = 32;

  /** The strip's sums of the first row. */
  private static final Gp SUMS_OF_STRIP = Gp.R9;

  private static final Gp ROW = Gp.RCX;
  private static final Gp SUM = Gp.R13;
  private static final Gp LEFT = Gp.R14;
  private static final Gp STRIPS_LEFT = Gp.RAX;

  /** The halves of the strip's super-block as floats. */
  private static final Gp FLOATS = Gp.R15;

  private static final Vec TERM = Vec.ymm(12);
  private static final Vec SCALE = Vec.ymm(13);
  private static final Vec OFFSET = Vec.ymm(14);
  private static final Vec SPARE = Vec.ymm(15);
  private static final Constant ONES = Constant.lanes(0x0001_0001, 256);

  /** Free where there are no offsets, as with all codes that need signs. */
  private static final Vec MAGNITUDE = OFFSET;

  /** Bytes from one row's sums to the next row's. */
  private final int rowBytes;

  private final Dots way;
  private final Vec[] codes = Vec.range(0, CodePlanes.QUADS, 256);
  private final Vec[] dots = Vec.range(8, ROWS_AT_ONCE, 256);
  private final CodePlanes planes;
  private final FrameSums frameSums;

  private Int8Avx2Code(
      Assembler assembler, TileLayout layout, int rows, ReadPattern pattern, Dots way) {
    super(assembler, layout, rows, STRIPS * rows, pattern, PANEL_BIAS, TERM);
    if (way == Dots.SIGNS && layout.scales().hasOffset()) {
      throw new IllegalArgumentException("no register is free for magnitudes");
    }
    this.rowBytes = strips * VECTOR_BYTES;
    this.way = way;
    this.planes = new CodePlanes(assembler, layout, way == Dots.SIGNS, SPARE, dots);
    this.frameSums =
        new FrameSums(assembler, SUM, LEFT, () -> assembler.move32(LEFT, rows), rowBytes, TERM);
  }

  /** Writes the function for a number of rows. */
  static void emit(
      Assembler assembler, TileLayout layout, int rows, ReadPattern pattern, boolean vnni) {
    new Int8Avx2Code(assembler, layout, rows, pattern, Dots.of(layout, vnni)).function();
  }

  @Override
  void prepare() {
    planes.prepare();
  }

  @Override
  int moreRoomBytes() {
    return rows * rowBytes;
  }

  @Override
  void clearSums() {
    assembler.address(SUMS_OF_STRIP, moreRoom());
    frameSums.clear();
  }

  @Override
  void storeSums() {
    loadOut(TEMPORARY, AHEAD);
    frameSums.store(TEMPORARY, AHEAD);
  }

  /** The pointers of the strips take turns in the first's place. */
  @Override
  void tiles() {
    assembler.address(FLOATS, room(0));
    if (strips == 1) {
      tile(0);
    } else {
      assembler.move32(STRIPS_LEFT, strips);
      Label next = assembler.here();
      tile(0);
      assembler.move(ROW, STRIP[0]);
      for (int s = 1; s < strips; s++) {
        assembler.move(STRIP[s - 1], STRIP[s]);
      }
      assembler.move(STRIP[strips - 1], ROW);
      assembler.alu(Alu.ADD, SUMS_OF_STRIP, VECTOR_BYTES);
      assembler.alu(Alu.ADD, FLOATS, BlockScales.HEADER_FLOAT_BYTES);
      assembler.alu(Alu.SUB, STRIPS_LEFT, 1);
      assembler.jump(Condition.NOT_EQUAL, next);
      assembler.alu(Alu.SUB, SUMS_OF_STRIP, strips * VECTOR_BYTES);
    }
    nextRecords();
  }

  @Override
  void tile(int strip, Mem tile) {
    for (int part = 0; part < PARTS; part++) {
      planes.unpack(tile.plus(part * PART_BYTES), codes);
      for (int sub = 0; sub < layout.subBlocks(); sub++) {
        scales.load(tile, part, Mem.at(FLOATS, 0), sub, SCALE, OFFSET);
        rows(part * PART_BYTES, sub);
      }
    }
  }

  /** All rows with the codes of a sub-block; their sums begin at an offset in each row's. */
  private void rows(int at, int sub) {
    int turns = rows / ROWS_AT_ONCE;
    int rest = rows % ROWS_AT_ONCE;
    if (rows <= ROWS_AT_ONCE) {
      multiply(PANEL, Mem.at(SUMS_OF_STRIP, at), sub, rows);
      return;
    }
    assembler.move(ROW, PANEL);
    assembler.move(SUM, SUMS_OF_STRIP);
    assembler.move32(LEFT, turns);
    Label next = assembler.here();
    multiply(ROW, Mem.at(SUM, at), sub, ROWS_AT_ONCE);
    assembler.alu(Alu.ADD, ROW, ROWS_AT_ONCE * rec.bytes());
    assembler.alu(Alu.ADD, SUM, ROWS_AT_ONCE * rowBytes);
    assembler.alu(Alu.SUB, LEFT, 1);
    assembler.jump(Condition.NOT_EQUAL, next);
    if (rest > 0) {
      multiply(ROW, Mem.at(SUM, at), sub, rest);
    }
  }

  private void multiply(Gp records, Mem sums, int sub, int count) {
    int atOnce = way == Dots.WORDS ? ROWS_AT_ONCE / 2 : ROWS_AT_ONCE;
    for (int first = 0; first < count; first += atOnce) {
      int rowsNow = Math.min(atOnce, count - first);
      Mem record = Mem.at(records, first * rec.bytes() - PANEL_BIAS);
      start(record, sub, rowsNow);
      int quads = CodePlanes.QUADS / layout.subBlocks();
      int from = sub * quads;
      switch (way) {
        case VNNI -> vnni(record, from, from + quads, rowsNow);
        case WORDS -> words(record, from, from + quads, rowsNow);
        case SIGNS -> signs(record, from, from + quads, rowsNow);
      }
      finish(record, sums.plus(first * rowBytes), sub, rowsNow);
    }
  }

  /** Signed codes, and those with offsets, have nothing to make good. */
  private void start(Mem record, int sub, int count) {
    for (int i = 0; i < count; i++) {
      if (layout.scales().hasOffset() || way == Dots.SIGNS) {
        assembler.emit(Op.VPXORD, dots[i], dots[i], dots[i]);
      } else {
        assembler.emit(Op.VPBROADCASTD, dots[i], sumOf(record, i, sub));
      }
    }
  }

  private void vnni(Mem record, int from, int to, int count) {
    for (int q = from; q < to; q++) {
      for (int i = 0; i < count; i++) {
        assembler.emit(Op.VPBROADCASTD, TERM, quad(record, i, q));
        assembler.emit(Op.VPDPBUSD, dots[i], codes[q], TERM);
      }
    }
  }

  private void words(Mem record, int from, int to, int count) {
    int together = Math.min(to - from, Dots.wordQuads(layout));
    for (int first = from; first < to; first += together) {
      for (int q = first; q < first + together; q++) {
        for (int i = 0; i < count; i++) {
          Vec words = dots[count + i];
          assembler.emit(Op.VPBROADCASTD, TERM, quad(record, i, q));
          if (q == first) {
            assembler.emit(Op.VPMADDUBSW, words, codes[q], TERM);
          } else {
            assembler.emit(Op.VPMADDUBSW, TERM, codes[q], TERM);
            assembler.emit(Op.VPADDW, words, words, TERM);
          }
        }
      }
      for (int i = 0; i < count; i++) {
        Vec words = dots[count + i];
        assembler.emit(Op.VPMADDWD, words, words, ONES);
        assembler.emit(Op.VPADDD, dots[i], dots[i], words);
      }
    }
  }

  private void signs(Mem record, int from, int to, int count) {
    for (int q = from; q < to; q++) {
      assembler.emit(Op.VPABSB, MAGNITUDE, codes[q]);
      for (int i = 0; i < count; i++) {
        assembler.emit(Op.VPBROADCASTD, TERM, quad(record, i, q));
        assembler.emit(Op.VPSIGNB, TERM, TERM, codes[q]);
        assembler.emit(Op.VPMADDUBSW, TERM, MAGNITUDE, TERM);
        assembler.emit(Op.VPMADDWD, TERM, TERM, ONES);
        assembler.emit(Op.VPADDD, dots[i], dots[i], TERM);
      }
    }
  }

  private void finish(Mem record, Mem sums, int sub, int count) {
    for (int i = 0; i < count; i++) {
      Mem sum = sums.plus(i * rowBytes);
      assembler.emit(Op.VBROADCASTSS, TERM, row(record, i, ActivationRecord.SCALE));
      assembler.emit(Op.VMULPS, TERM, SCALE, TERM);
      assembler.emit(Op.VCVTDQ2PS, dots[i], dots[i]);
      assembler.emit(Op.VFMADD213PS, dots[i], TERM, sum);
      if (layout.scales().hasOffset()) {
        assembler.emit(Op.VBROADCASTSS, TERM, sumOf(record, i, sub));
        assembler.emit(Op.VFMADD231PS, dots[i], OFFSET, TERM);
      }
      assembler.emit(Op.VMOVUPS_STORE, sum, dots[i]);
    }
  }

  private Mem row(Mem first, int row, int offset) {
    return first.plus(row * rec.bytes() + offset);
  }

  private Mem quad(Mem first, int row, int quad) {
    return row(first, row, 4 * quad);
  }

  private Mem sumOf(Mem first, int row, int sub) {
    return row(first, row, ActivationRecord.SUMS + 4 * sub);
  }
}
