package io.moka.kernels.cpu.x86;

/** The instructions for tiles, each with what its VEX encoding needs (Intel's manual, volume 2). */
enum TileOp {
  LDTILECFG(Form.SHAPES, Op.Prefix.NONE, 0x49),
  TILERELEASE(Form.SHAPES, Op.Prefix.NONE, 0x49),
  TILEZERO(Form.ZERO, Op.Prefix.PF2, 0x49),
  TILELOADD(Form.MEMORY, Op.Prefix.PF2, 0x4B),
  TILESTORED(Form.MEMORY, Op.Prefix.PF3, 0x4B),

  /** Signed bytes by signed bytes, four at a time, into 32-bit sums. */
  TDPBSSD(Form.PRODUCT, Op.Prefix.PF2, 0x5E),
  /** Pairs of bf16 into float sums. */
  TDPBF16PS(Form.PRODUCT, Op.Prefix.PF3, 0x5C);

  /** What an instruction does with tiles. */
  enum Form {
    SHAPES,
    ZERO,
    MEMORY,
    PRODUCT
  }

  final Form form;
  final Op.Prefix prefix;
  final int opcode;

  TileOp(Form form, Op.Prefix prefix, int opcode) {
    this.form = form;
    this.prefix = prefix;
    this.opcode = opcode;
  }
}
