package io.moka.kernels.cpu.x86;

import java.util.List;

/**
 * The vector instructions that the kernels use, each with what its encoding needs (Intel's manual,
 * volume 2). The names are Intel's for 512 bits; a store has a row of its own, and so has a
 * comparison that yields lanes of ones or zeros.
 */
enum Op {
  VMOVUPS(Form.RM, Map.M0F, Prefix.NONE, 0x10, Tuple.VECTOR),
  VMOVUPS_STORE(Form.MR, Map.M0F, Prefix.NONE, 0x11, Tuple.VECTOR),
  VMOVDQU32(Form.RM, Map.M0F, Prefix.PF3, 0x6F, Tuple.VECTOR),
  VMOVDQU32_STORE(Form.MR, Map.M0F, Prefix.PF3, 0x7F, Tuple.VECTOR),
  VMOVD_STORE(Form.MR, Map.M0F, Prefix.P66, 0x7E, Tuple.FOUR_BYTES),
  VBROADCASTSS(Form.RM, Map.M0F38, Prefix.P66, 0x18, Tuple.FOUR_BYTES),
  VPBROADCASTD(Form.RM, Map.M0F38, Prefix.P66, 0x58, Tuple.FOUR_BYTES),
  VBROADCASTI32X4(Form.RM, Map.M0F38, Prefix.P66, 0x5A, Tuple.SIXTEEN_BYTES),

  VPANDD(Form.RVM, Map.M0F, Prefix.P66, 0xDB, Tuple.FULL),
  VPANDND(Form.RVM, Map.M0F, Prefix.P66, 0xDF, Tuple.FULL),
  VPORD(Form.RVM, Map.M0F, Prefix.P66, 0xEB, Tuple.FULL),
  VPXORD(Form.RVM, Map.M0F, Prefix.P66, 0xEF, Tuple.FULL),
  VPTERNLOGD(Form.RVMI, Map.M0F3A, Prefix.P66, 0x25, Tuple.FULL, Flag.EVEX_ONLY),
  VPSRLW(Form.VMI, Map.M0F, Prefix.P66, 0x71, 2, Tuple.VECTOR),
  VPSRLD(Form.VMI, Map.M0F, Prefix.P66, 0x72, 2, Tuple.FULL),
  VPSLLD(Form.VMI, Map.M0F, Prefix.P66, 0x72, 6, Tuple.FULL),

  VPADDD(Form.RVM, Map.M0F, Prefix.P66, 0xFE, Tuple.FULL),
  VPSUBB(Form.RVM, Map.M0F, Prefix.P66, 0xF8, Tuple.VECTOR),
  VPSUBD(Form.RVM, Map.M0F, Prefix.P66, 0xFA, Tuple.FULL),
  VPMULLD(Form.RVM, Map.M0F38, Prefix.P66, 0x40, Tuple.FULL),
  VPMAXSD(Form.RVM, Map.M0F38, Prefix.P66, 0x3D, Tuple.FULL),
  VPMADDUBSW(Form.RVM, Map.M0F38, Prefix.P66, 0x04, Tuple.VECTOR),
  VPMADDWD(Form.RVM, Map.M0F, Prefix.P66, 0xF5, Tuple.VECTOR),
  VPDPBUSD(Form.RVM, Map.M0F38, Prefix.P66, 0x50, Tuple.FULL),
  VDPBF16PS(Form.RVM, Map.M0F38, Prefix.PF3, 0x52, Tuple.FULL, Flag.EVEX_ONLY),

  VADDPS(Form.RVM, Map.M0F, Prefix.NONE, 0x58, Tuple.FULL),
  VMULPS(Form.RVM, Map.M0F, Prefix.NONE, 0x59, Tuple.FULL),
  VSUBPS(Form.RVM, Map.M0F, Prefix.NONE, 0x5C, Tuple.FULL),
  VDIVPS(Form.RVM, Map.M0F, Prefix.NONE, 0x5E, Tuple.FULL),
  VMAXPS(Form.RVM, Map.M0F, Prefix.NONE, 0x5F, Tuple.FULL),
  VFMADD213PS(Form.RVM, Map.M0F38, Prefix.P66, 0xA8, Tuple.FULL),
  VFMADD231PS(Form.RVM, Map.M0F38, Prefix.P66, 0xB8, Tuple.FULL),

  VCVTDQ2PS(Form.RM, Map.M0F, Prefix.NONE, 0x5B, Tuple.FULL),
  VCVTPS2DQ(Form.RM, Map.M0F, Prefix.P66, 0x5B, Tuple.FULL),
  VCVTPH2PS(Form.RM, Map.M0F38, Prefix.P66, 0x13, Tuple.HALF),
  VCVTNEPS2BF16(Form.RM, Map.M0F38, Prefix.PF3, 0x72, Tuple.FULL, Flag.EVEX_ONLY, Flag.NARROWING),
  VPMOVZXBD(Form.RM, Map.M0F38, Prefix.P66, 0x31, Tuple.QUARTER),
  VPMOVSXBD(Form.RM, Map.M0F38, Prefix.P66, 0x21, Tuple.QUARTER),
  VPMOVDW(Form.MR, Map.M0F38, Prefix.PF3, 0x33, Tuple.HALF, Flag.EVEX_ONLY),
  VPMOVSDB_STORE(Form.MR, Map.M0F38, Prefix.PF3, 0x21, Tuple.QUARTER, Flag.EVEX_ONLY),

  VPSHUFB(Form.RVM, Map.M0F38, Prefix.P66, 0x00, Tuple.VECTOR),
  VPSHUFD(Form.RMI, Map.M0F, Prefix.P66, 0x70, Tuple.FULL),
  VSHUFF32X4(Form.RVMI, Map.M0F3A, Prefix.P66, 0x23, Tuple.FULL, Flag.EVEX_ONLY),
  VPERMD(Form.RVM, Map.M0F38, Prefix.P66, 0x36, Tuple.FULL),
  VCMPPS(Form.COMPARE, Map.M0F, Prefix.NONE, 0xC2, Tuple.FULL, Flag.EVEX_ONLY),

  // what 256 bits do in another way
  VCMPPS_LANES(Form.RVMI, Map.M0F, Prefix.NONE, 0xC2, Tuple.VECTOR, Flag.VEX_ONLY),
  VPADDW(Form.RVM, Map.M0F, Prefix.P66, 0xFD, Tuple.VECTOR),
  VPABSB(Form.RM, Map.M0F38, Prefix.P66, 0x1C, Tuple.VECTOR),
  VPSIGNB(Form.RVM, Map.M0F38, Prefix.P66, 0x08, Tuple.VECTOR, Flag.VEX_ONLY),
  VPACKSSDW(Form.RVM, Map.M0F, Prefix.P66, 0x6B, Tuple.FULL),
  VPACKSSWB(Form.RVM, Map.M0F, Prefix.P66, 0x63, Tuple.VECTOR),
  VPERM2I128(Form.RVMI, Map.M0F3A, Prefix.P66, 0x46, Tuple.VECTOR, Flag.VEX_ONLY);

  /** Which operand stands where in the encoding; I: an 8-bit constant follows. */
  enum Form {
    /** Register, register or memory. */
    RM,
    RMI,
    /** Memory or register, register: the destination is the former. */
    MR,
    /** Register, first source in vvvv, register or memory. */
    RVM,
    RVMI,
    /** Destination in vvvv, register or memory; an extension of the opcode takes reg. */
    VMI,
    /** As RVMI, but the destination is a mask register. */
    COMPARE
  }

  /** The table of opcodes, by its number in a VEX or EVEX prefix. */
  enum Map {
    NONE,
    M0F,
    M0F38,
    M0F3A
  }

  /** What older encodings wrote as a byte in front, by its number in a VEX or EVEX prefix. */
  enum Prefix {
    NONE,
    P66,
    PF3,
    PF2
  }

  /** How many bytes are read from memory; it scales an EVEX displacement of 8 bits. */
  enum Tuple {
    /** A vector, or one number of four bytes for every lane. */
    FULL,
    VECTOR,
    HALF,
    QUARTER,
    FOUR_BYTES,
    SIXTEEN_BYTES;

    int bytes(int vectorBits, boolean broadcast) {
      return switch (this) {
        case FULL -> broadcast ? 4 : vectorBits / 8;
        case VECTOR -> vectorBits / 8;
        case HALF -> vectorBits / 16;
        case QUARTER -> vectorBits / 32;
        case FOUR_BYTES -> 4;
        case SIXTEEN_BYTES -> 16;
      };
    }
  }

  private enum Flag {
    EVEX_ONLY,
    VEX_ONLY,
    NARROWING
  }

  final Form form;
  final Map map;
  final Prefix prefix;
  final int opcode;

  /** What stands in the field reg where no register does. */
  final int extension;

  final Tuple tuple;
  final boolean evexOnly;
  final boolean vexOnly;

  /** Whether the source has twice the bits of the destination. */
  final boolean narrowing;

  Op(Form form, Map map, Prefix prefix, int opcode, Tuple tuple, Flag... flags) {
    this(form, map, prefix, opcode, 0, tuple, flags);
  }

  Op(Form form, Map map, Prefix prefix, int opcode, int extension, Tuple tuple, Flag... flags) {
    this.form = form;
    this.map = map;
    this.prefix = prefix;
    this.opcode = opcode;
    this.extension = extension;
    this.tuple = tuple;
    this.evexOnly = List.of(flags).contains(Flag.EVEX_ONLY);
    this.vexOnly = List.of(flags).contains(Flag.VEX_ONLY);
    this.narrowing = List.of(flags).contains(Flag.NARROWING);
  }

  boolean hasImmediate() {
    return switch (form) {
      case RMI, RVMI, VMI, COMPARE -> true;
      case RM, MR, RVM -> false;
    };
  }
}
