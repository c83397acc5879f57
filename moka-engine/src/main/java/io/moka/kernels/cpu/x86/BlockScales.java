package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;

/**
 * Brings the scales and offsets of a tile's 16 rows, or of half of them, into registers, as floats.
 * Both are exact: a half times a small integer. The width of a register says how many rows.
 */
final class BlockScales {
  /** Bytes that the halves of a super-block take as floats, for one strip. */
  static final int HEADER_FLOAT_BYTES = 128;

  private static final int VECTOR_BYTES = 64;

  private final Assembler assembler;
  private final TileLayout layout;

  /**
   * An emitter.
   *
   * @param assembler takes the code
   * @param layout which entries and halves
   */
  BlockScales(Assembler assembler, TileLayout layout) {
    this.assembler = assembler;
    this.layout = layout;
  }

  /** At the start of a super-block: its halves as floats, d and then -dmin. */
  void header(Mem halves, Mem floats, Vec temporary) {
    int vectorBytes = temporary.bits() / 8;
    for (int i = 0; i < layout.scales().halves(); i++) {
      for (int at = 0; at < VECTOR_BYTES; at += vectorBytes) {
        assembler.emit(Op.VCVTPH2PS, temporary, halves.plus((i * VECTOR_BYTES + at) / 2));
        if (i == 1) {
          Constant minus = Constant.lanes(-0f, temporary.bits());
          assembler.emit(Op.VPXORD, temporary, temporary, minus);
        }
        assembler.emit(Op.VMOVUPS_STORE, floats.plus(VECTOR_BYTES * i + at), temporary);
      }
    }
  }

  /**
   * The scale of a sub-block of the tile at {@code tile}, and its offset if the format has any.
   *
   * @param floats where {@link #header} left the halves of the super-block
   */
  void load(Mem tile, Mem floats, int sub, Vec scale, Vec offset) {
    load(tile, 0, floats, sub, scale, offset);
  }

  /**
   * As above, of some of the rows.
   *
   * @param part which of the vectors that make up 16 rows
   */
  void load(Mem tile, int part, Mem floats, int sub, Vec scale, Vec offset) {
    int bits = scale.bits();
    int partBytes = part * bits / 8;
    int entryBytes = layout.entryVectorBytes();
    Mem entries =
        tile.plus(layout.codeVectors() * VECTOR_BYTES + partBytes * entryBytes / VECTOR_BYTES);
    Mem entry = entries.plus(sub * entryBytes);
    Mem next = entries.plus(entryBytes);
    Mem d = floats.plus(partBytes);
    Mem minusDmin = floats.plus(VECTOR_BYTES + partBytes);
    switch (layout.scales()) {
      case HALF -> assembler.emit(Op.VCVTPH2PS, scale, entry);
      case HALF_AND_OFFSET -> {
        assembler.emit(Op.VCVTPH2PS, scale, entry);
        assembler.emit(Op.VCVTPH2PS, offset, next);
      }
      case EXPONENT -> exponent(entry, scale, offset);
      case BYTE_AND_OFFSET -> {
        assembler.emit(Op.VPMOVZXBD, scale, entry);
        assembler.emit(Op.VCVTDQ2PS, scale, scale);
        assembler.emit(Op.VMULPS, scale, scale, d);
        assembler.emit(Op.VPMOVZXBD, offset, next);
        assembler.emit(Op.VCVTDQ2PS, offset, offset);
        assembler.emit(Op.VMULPS, offset, offset, minusDmin);
      }
      case SIGNED -> {
        assembler.emit(Op.VPMOVSXBD, scale, entry);
        assembler.emit(Op.VCVTDQ2PS, scale, scale);
        assembler.emit(Op.VMULPS, scale, scale, d);
      }
      case NIBBLES -> {
        assembler.emit(Op.VPMOVZXBD, offset, entry);
        assembler.emit(Op.VPANDD, scale, offset, Constant.lanes(15, bits));
        assembler.emit(Op.VCVTDQ2PS, scale, scale);
        assembler.emit(Op.VMULPS, scale, scale, d);
        assembler.emit(Op.VPSRLD, offset, offset, 4);
        assembler.emit(Op.VCVTDQ2PS, offset, offset);
        assembler.emit(Op.VMULPS, offset, offset, minusDmin);
      }
    }
  }

  /**
   * 2^(e - 128) for e from 0 to 255: its bits are (e - 1) << 23, which is more than (e + 1) << 21,
   * but for e of 0 and 1, whose subnormal numbers have the latter.
   */
  private void exponent(Mem entry, Vec scale, Vec other) {
    Constant minusOne = Constant.lanes(-1, scale.bits());
    assembler.emit(Op.VPMOVZXBD, other, entry);
    assembler.emit(Op.VPADDD, scale, other, minusOne);
    assembler.emit(Op.VPSLLD, scale, scale, 23);
    assembler.emit(Op.VPSUBD, other, other, minusOne);
    assembler.emit(Op.VPSLLD, other, other, 21);
    assembler.emit(Op.VPMAXSD, scale, scale, other);
  }
}
