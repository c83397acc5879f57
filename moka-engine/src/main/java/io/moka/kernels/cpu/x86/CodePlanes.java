package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;
import java.util.Arrays;

/**
 * Brings the codes of a tile, or of half its rows, into eight registers: lane = row, byte b of
 * register s = column 4 s + b, unsigned, {@link #bias} above the integer that the code stands for;
 * or signed, that integer itself. The width of a register says how many rows there are.
 */
final class CodePlanes {
  /** Registers that hold the codes of a tile. */
  static final int QUADS = 8;

  private final Assembler assembler;
  private final TileLayout layout;
  private final boolean signed;
  private final Vec spare;
  private final Vec[] temporaries;

  /**
   * An emitter of unsigned codes.
   *
   * @param assembler takes the code
   * @param layout which planes
   * @param spare a register that no other code uses
   * @param temporaries registers that are free between tiles
   */
  CodePlanes(Assembler assembler, TileLayout layout, Vec spare, Vec... temporaries) {
    this(assembler, layout, false, spare, temporaries);
  }

  /**
   * An emitter.
   *
   * @param assembler takes the code
   * @param layout which planes
   * @param signed whether codes are to be the integers that they stand for
   * @param spare a register that no other code uses
   * @param temporaries registers that are free between tiles
   */
  CodePlanes(
      Assembler assembler, TileLayout layout, boolean signed, Vec spare, Vec... temporaries) {
    this.assembler = assembler;
    this.layout = layout;
    this.signed = signed;
    this.spare = spare;
    this.temporaries = temporaries;
  }

  /** Stored code less the integer that it stands for. */
  static int bias(TileLayout layout) {
    return switch (layout.codes()) {
      case TileLayout.Codes.Bias bias -> bias.bias();
      // its integers fit an unsigned byte then, and no larger ones than they must be
      case TileLayout.Codes.Table table -> -Arrays.stream(table.ints()).min().orElseThrow();
    };
  }

  /** The largest unsigned code. */
  static int largest(TileLayout layout) {
    return switch (layout.codes()) {
      case TileLayout.Codes.Bias ignored -> {
        int highBits = Integer.bitCount(layout.high().mask() & 255);
        yield (1 << layout.low().bits() + highBits) - 1;
      }
      case TileLayout.Codes.Table table ->
          Arrays.stream(table.ints()).max().orElseThrow() + bias(layout);
    };
  }

  /** Before the loop: fills the spare register. */
  void prepare() {
    switch (layout.codes()) {
      case TileLayout.Codes.Table table -> {
        byte[] entries = new byte[16];
        for (int i = 0; i < entries.length; i++) {
          entries[i] = (byte) (table.value(i) + (signed ? 0 : bias(layout)));
        }
        assembler.emit(Op.VBROADCASTI32X4, spare, Constant.table(entries));
      }
      case TileLayout.Codes.Bias ignored -> assembler.emit(Op.VPBROADCASTD, spare, word(lowMask()));
    }
  }

  /** In the loop: the codes of the tile at {@code tile}. */
  void unpack(Mem tile, Vec[] codes) {
    switch (layout.low()) {
      case NIBBLES -> nibbles(tile, codes);
      case BYTES -> {
        for (int s = 0; s < QUADS; s++) {
          assembler.emit(Op.VMOVDQU32, codes[s], vector(tile, s));
        }
      }
      case PAIRS -> pairs(tile, codes);
    }
    Mem above = vector(tile, layout.low().vectors());
    switch (layout.high()) {
      case NONE -> {}
      case BITS -> {
        for (int s = 0; s < QUADS; s++) {
          addHigh(above, s, 1, codes[s], temporaries[s % temporaries.length]);
        }
      }
      case PAIRS -> {
        for (int s = 0; s < QUADS; s++) {
          Mem half = vector(above, s / 4);
          addHigh(half, s % 4 * 2, 3, codes[s], temporaries[s % temporaries.length]);
        }
      }
    }
    if (layout.codes() instanceof TileLayout.Codes.Table) {
      for (Vec code : codes) {
        assembler.emit(Op.VPSHUFB, code, spare, code);
      }
    } else if (signed) {
      for (Vec code : codes) {
        assembler.emit(Op.VPSUBB, code, code, bytes(bias(layout)));
      }
    }
  }

  /** Low nibbles are quads 0 to 3, high ones 4 to 7. */
  private void nibbles(Mem tile, Vec[] codes) {
    Operand mask = mask();
    for (int j = 0; j < 4; j++) {
      assembler.emit(Op.VMOVDQU32, codes[j], vector(tile, j));
      assembler.emit(Op.VPSRLW, codes[j + 4], codes[j], 4);
      assembler.emit(Op.VPANDD, codes[j], codes[j], mask);
      assembler.emit(Op.VPANDD, codes[j + 4], codes[j + 4], mask);
    }
  }

  /** Bits 2p and 2p + 1 of vector h are quad p + 4 h. */
  private void pairs(Mem tile, Vec[] codes) {
    Operand mask = mask();
    for (int h = 0; h < 2; h++) {
      Vec first = codes[4 * h];
      assembler.emit(Op.VMOVDQU32, first, vector(tile, h));
      for (int p = 1; p < 4; p++) {
        Vec code = codes[4 * h + p];
        assembler.emit(Op.VPSRLW, code, first, 2 * p);
        assembler.emit(Op.VPANDD, code, code, mask);
      }
      assembler.emit(Op.VPANDD, first, first, mask);
    }
  }

  /** code |= (bits of a plane from bit {@code from} on), put above the low ones. */
  private void addHigh(Mem plane, int from, int bits, Vec code, Vec moved) {
    int to = layout.low().bits();
    Operand source = plane;
    if (to == from || code.bits() < 512) {
      assembler.emit(Op.VMOVDQU32, moved, plane);
      source = moved;
    }
    if (to > from) {
      assembler.emit(Op.VPSLLD, moved, source, to - from);
    } else if (to < from) {
      assembler.emit(Op.VPSRLD, moved, source, from - to);
    }
    if (code.bits() < 512) {
      assembler.emit(Op.VPANDD, moved, moved, bytes(bits << to));
      assembler.emit(Op.VPORD, code, code, moved);
    } else {
      assembler.emit(Op.VPTERNLOGD, code, moved, bytes(bits << to), Ternary.A_OR_B_AND_C);
    }
  }

  private static Mem vector(Mem tile, int index) {
    return tile.plus(index * TileLayout.VECTOR_BYTES);
  }

  private int lowMask() {
    return (1 << layout.low().bits()) - 1;
  }

  /** The mask of the low bits: in the spare register, unless a table is there. */
  private Operand mask() {
    return layout.codes() instanceof TileLayout.Codes.Table ? bytes(lowMask()) : spare;
  }

  /** The same byte in every lane. */
  private Constant bytes(int value) {
    return Constant.lanes((value & 255) * 0x01010101, spare.bits());
  }

  private static Constant word(int value) {
    return new Constant(Constant.bytes(value).words(), false);
  }

  /** Truth tables of VPTERNLOGD: bit 4a + 2b + c is the result. */
  private static final class Ternary {
    static final int A_OR_B_AND_C = 0b1111_1000;

    private Ternary() {}
  }
}
