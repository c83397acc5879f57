package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;

/**
 * Brings the scales and offsets of a tile's 16 rows into registers, as floats. Both are exact: a
 * half times a small integer.
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
    for (int i = 0; i < layout.scales().halves(); i++) {
      assembler.emit(Op.VCVTPH2PS, temporary, halves.plus(32 * i));
      if (i == 1) {
        assembler.emit(Op.VPXORD, temporary, temporary, Constant.all(-0f));
      }
      assembler.emit(Op.VMOVUPS_STORE, floats.plus(VECTOR_BYTES * i), temporary);
    }
  }

  /**
   * The scale of a sub-block of the tile at {@code tile}, and its offset if the format has any.
   *
   * @param floats where {@link #header} left the halves of the super-block
   */
  void load(Mem tile, Mem floats, int sub, Vec scale, Vec offset) {
    Mem entries = tile.plus(layout.codeVectors() * VECTOR_BYTES);
    Mem entry = entries.plus(sub * layout.entryVectorBytes());
    Mem next = entries.plus(layout.entryVectorBytes());
    Mem d = floats;
    Mem minusDmin = floats.plus(VECTOR_BYTES);
    switch (layout.scales()) {
      case HALF -> assembler.emit(Op.VCVTPH2PS, scale, entry);
      case HALF_AND_OFFSET -> {
        assembler.emit(Op.VCVTPH2PS, scale, entry);
        assembler.emit(Op.VCVTPH2PS, offset, next);
      }
      case EXPONENT -> {
        // 2^(e - 128) as 1 times 2^(e - 128), which also yields the two subnormal numbers
        assembler.emit(Op.VPMOVZXBD, offset, entry);
        assembler.emit(Op.VCVTDQ2PS, offset, offset);
        assembler.emit(Op.VSUBPS, offset, offset, Constant.all(128f));
        assembler.emit(Op.VBROADCASTSS, scale, Constant.one(1f));
        assembler.emit(Op.VSCALEFPS, scale, scale, offset);
      }
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
        assembler.emit(Op.VPANDD, scale, offset, Constant.all(15));
        assembler.emit(Op.VCVTDQ2PS, scale, scale);
        assembler.emit(Op.VMULPS, scale, scale, d);
        assembler.emit(Op.VPSRLD, offset, offset, 4);
        assembler.emit(Op.VCVTDQ2PS, offset, offset);
        assembler.emit(Op.VMULPS, offset, offset, minusDmin);
      }
    }
  }
}
