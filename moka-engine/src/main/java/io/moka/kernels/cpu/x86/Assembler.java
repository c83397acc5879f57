package io.moka.kernels.cpu.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes x86-64 instructions, as Intel's manual (volume 2) encodes them: vector instructions with
 * an EVEX prefix where they need one (512 bits, registers 16 to 31, masks, broadcasts) and with a
 * VEX prefix elsewhere, and the few integer instructions of a loop. What cannot be encoded is
 * refused, so that a mistake in a kernel shows when it is written and not when it runs.
 */
final class Assembler {
  /** More than any kernel; a runaway loop that emits ends here. */
  private static final int MOST_BYTES = 1 << 20;

  /** A place in the code, to jump to; known once it is bound. */
  static final class Label {
    private int position = -1;
  }

  /** Conditions of a jump, by their number in the opcode. */
  enum Condition {
    BELOW(2),
    ABOVE_OR_EQUAL(3),
    EQUAL(4),
    NOT_EQUAL(5),
    LESS(12),
    GREATER_OR_EQUAL(13),
    LESS_OR_EQUAL(14),
    GREATER(15);

    private final int code;

    Condition(int code) {
      this.code = code;
    }
  }

  /** Integer operations of two operands, by their number in the opcode. */
  enum Alu {
    ADD(0),
    OR(1),
    AND(4),
    SUB(5),
    XOR(6),
    CMP(7);

    private final int code;

    Alu(int code) {
      this.code = code;
    }
  }

  /** Which caches a prefetch fills, by the extension of its opcode. */
  enum Hint {
    /** Non-temporal. */
    NTA,
    /** All. */
    T0,
    /** From the second level. */
    T1,
    /** From the third level. */
    T2
  }

  /** A distance that is written when all labels are bound; it counts from {@code end}. */
  private record Fixup(int position, int end, Label target) {}

  private byte[] code = new byte[1024];
  private int size;
  private final List<Fixup> fixups = new ArrayList<>();
  private final Map<List<Integer>, Label> constants = new LinkedHashMap<>();

  // ---------------------------------------------------------------- code

  /** Bytes written so far. */
  int size() {
    return size;
  }

  /** The code with its constants; every label that is jumped to must have been bound. */
  byte[] toBytes() {
    // the largest first, so that each is aligned to its size
    for (int words = Constant.MOST_WORDS; words > 0; words--) {
      for (Map.Entry<List<Integer>, Label> constant : constants.entrySet()) {
        if (constant.getKey().size() == words) {
          align(4 * words);
          bind(constant.getValue());
          constant.getKey().forEach(this::put32);
        }
      }
    }
    constants.clear();
    for (Fixup fixup : fixups) {
      if (fixup.target.position < 0) {
        throw new IllegalStateException("a jump at " + fixup.position + " leads nowhere");
      }
      int distance = fixup.target.position - fixup.end;
      for (int i = 0; i < 4; i++) {
        code[fixup.position + i] = (byte) (distance >> 8 * i);
      }
    }
    return Arrays.copyOf(code, size);
  }

  /** Gives a label its place. */
  void bind(Label label) {
    if (label.position >= 0) {
      throw new IllegalStateException("the label is bound at " + label.position);
    }
    label.position = size;
  }

  /** A label here. */
  Label here() {
    Label label = new Label();
    bind(label);
    return label;
  }

  /** Fills up with instructions that do nothing, for the start of a loop. */
  void align(int bytes) {
    while (size % bytes != 0) {
      put(0x90);
    }
  }

  private void put(int value) {
    if (size == code.length) {
      if (size >= MOST_BYTES) {
        throw new IllegalStateException("the code has reached " + size + " bytes");
      }
      code = Arrays.copyOf(code, 2 * size);
    }
    code[size++] = (byte) value;
  }

  private void put32(int value) {
    for (int i = 0; i < 4; i++) {
      put(value >> 8 * i);
    }
  }

  // ---------------------------------------------------------------- vector instructions

  /** destination = op(source), or memory or a narrower register = op(source) for a store. */
  void emit(Op op, Operand destination, Operand source) {
    switch (op.form) {
      case RM -> vector(op, reg(destination), NO_VECTOR, source, 0);
      case MR -> vector(op, reg(source), NO_VECTOR, destination, 0);
      default -> throw mismatch(op, "two operands");
    }
  }

  /** As above, with a constant: immediate shifts and shuffles. */
  void emit(Op op, Operand destination, Operand source, int constant) {
    switch (op.form) {
      case RMI -> vector(op, reg(destination), NO_VECTOR, source, constant);
      case VMI -> vector(op, extension(op, reg(destination)), reg(destination), source, constant);
      default -> throw mismatch(op, "two operands and a constant");
    }
  }

  /** destination = op(destination, first, second). */
  void emit(Op op, Vec destination, Vec first, Operand second) {
    if (op.form != Op.Form.RVM) {
      throw mismatch(op, "three operands");
    }
    vector(op, destination, first, second, 0);
  }

  /** destination = op(destination, first, second, constant). */
  void emit(Op op, Vec destination, Vec first, Operand second, int constant) {
    if (op.form != Op.Form.RVMI) {
      throw mismatch(op, "three operands and a constant");
    }
    vector(op, destination, first, second, constant);
  }

  /** Mask k = compare(first, second). */
  void compare(Op op, int k, Vec first, Operand second, int predicate) {
    if (op.form != Op.Form.COMPARE || k < 1 || k > 7) {
      throw mismatch(op, "mask k" + k);
    }
    vector(op, new Vec(k, first.bits(), 0, false), first, second, predicate);
  }

  /** Stands for a vvvv that names no register: its inverted bits are ones. */
  private static final Vec NO_VECTOR = Vec.xmm(0);

  private static Vec reg(Operand operand) {
    if (operand instanceof Vec vec) {
      return vec;
    }
    throw new IllegalArgumentException(operand + " is no register");
  }

  /** The extension in the place of a register, with the mask of the destination. */
  private static Vec extension(Op op, Vec destination) {
    return new Vec(op.extension, destination.bits(), destination.mask(), destination.zeroing());
  }

  private static IllegalArgumentException mismatch(Op op, String found) {
    return new IllegalArgumentException(op + " is of the form " + op.form + ", not " + found);
  }

  private void vector(Op op, Vec reg, Vec first, Operand last, int constant) {
    int bits = Math.max(op.narrowing ? 2 * reg.bits() : reg.bits(), first.bits());
    int highest = Math.max(reg.number(), first.number());
    boolean broadcast = false;
    switch (last) {
      case Vec vec -> {
        bits = Math.max(bits, vec.bits());
        highest = Math.max(highest, vec.number());
      }
      case Mem mem -> broadcast = mem.broadcast();
      case Constant one -> broadcast = one.broadcast();
    }
    // the mask belongs to the destination: reg, or the last operand of a store to a register
    boolean toLast = op.form == Op.Form.MR;
    Vec masked = toLast && last instanceof Vec vec ? vec : reg;
    if (broadcast && op.tuple != Op.Tuple.FULL) {
      throw new IllegalArgumentException(op + " cannot broadcast");
    }
    boolean shiftsMemory = op.form == Op.Form.VMI && !(last instanceof Vec);
    boolean evex =
        op.evexOnly
            || bits == 512
            || highest > 15
            || masked.mask() > 0
            || broadcast
            || shiftsMemory;
    if (evex && op.vexOnly) {
      throw new IllegalArgumentException(op + " has neither 512 bits, masks nor high registers");
    }
    if (evex) {
      evexPrefix(op, reg, first, last, bits, masked, broadcast);
    } else {
      vexPrefix(op.map, op.prefix, reg, first, last, bits);
    }
    put(op.opcode);
    switch (last) {
      case Vec vec -> put(0xC0 | (reg.number() & 7) << 3 | vec.number() & 7);
      case Mem mem -> memory(reg.number(), mem, evex ? op.tuple.bytes(bits, broadcast) : 1);
      case Constant read -> constant(reg.number(), read, op.hasImmediate() ? 1 : 0);
    }
    if (op.hasImmediate()) {
      put(checked8(constant));
    }
  }

  /**
   * <pre>
   * 62 | ~R ~X ~B ~R' 0 map(3) | W ~vvvv(4) 1 pp(2) | z L'L(2) b ~V' aaa(3)
   * </pre>
   */
  private void evexPrefix(
      Op op, Vec reg, Vec first, Operand last, int bits, Vec masked, boolean broadcast) {
    put(0x62);
    put(
        bit(~reg.number() >> 3, 7)
            | bit(~indexOrHighest(last), 6)
            | bit(~baseOrLast(last), 5)
            | bit(~reg.number() >> 4, 4)
            | op.map.ordinal());
    put((~first.number() & 15) << 3 | 4 | op.prefix.ordinal());
    put(
        (masked.zeroing() ? 0x80 : 0)
            | (bits == 512 ? 0x40 : bits == 256 ? 0x20 : 0)
            | (broadcast ? 0x10 : 0)
            | bit(~first.number() >> 4, 3)
            | masked.mask());
  }

  /**
   * <pre>
   * C5 | ~R ~vvvv(4) L pp(2)                              where X, B and the map allow
   * C4 | ~R ~X ~B map(5) | W ~vvvv(4) L pp(2)
   * </pre>
   */
  private void vexPrefix(Op.Map map, Op.Prefix prefix, Vec reg, Vec first, Operand last, int bits) {
    int rest = (~first.number() & 15) << 3 | (bits == 256 ? 4 : 0) | prefix.ordinal();
    int index = last instanceof Vec ? 0 : indexOrHighest(last);
    if (map == Op.Map.M0F && index == 0 && (baseOrLast(last) & 1) == 0) {
      put(0xC5);
      put(bit(~reg.number() >> 3, 7) | rest);
    } else {
      put(0xC4);
      put(bit(~reg.number() >> 3, 7) | bit(~index, 6) | bit(~baseOrLast(last), 5) | map.ordinal());
      put(rest);
    }
  }

  // ---------------------------------------------------------------- tiles

  /** to += rows * columns: the tiles of the left and of the right factor. */
  void multiplyTiles(TileOp op, Tile to, Tile rows, Tile columns) {
    if (op.form != TileOp.Form.PRODUCT) {
      throw new IllegalArgumentException(op + " multiplies no tiles");
    }
    tile(op, to.number(), columns.number(), Vec.xmm(rows.number()));
  }

  /**
   * A tile from memory or to it, or its shape from there: rows begin at the base and the
   * displacement, each the index times its scale after the one before.
   */
  void tileMemory(TileOp op, Tile tile, Mem rows) {
    if (op.form != TileOp.Form.MEMORY || !rows.hasIndex() || rows.broadcast()) {
      throw new IllegalArgumentException(op + " of rows at " + rows);
    }
    tile(op, tile.number(), 0, rows);
  }

  /** Takes the shapes of all tiles from 64 bytes of memory; the tiles become zero. */
  void configureTiles(Mem shapes) {
    tile(TileOp.LDTILECFG, 0, 0, shapes);
  }

  /** Gives all tiles back: until then the system saves them with each switch of threads. */
  void releaseTiles() {
    tile(TileOp.TILERELEASE, 0, 0, NO_VECTOR);
  }

  void zeroTile(Tile tile) {
    tile(TileOp.TILEZERO, tile.number(), 0, NO_VECTOR);
  }

  private void tile(TileOp op, int reg, int first, Operand last) {
    vexPrefix(Op.Map.M0F38, op.prefix, Vec.xmm(reg), Vec.xmm(first), last, 128);
    put(op.opcode);
    switch (last) {
      case Vec vec -> put(0xC0 | reg << 3 | vec.number());
      case Mem mem -> memory(reg, mem, 1);
      case Constant constant -> throw new IllegalArgumentException("a tile from " + constant);
    }
  }

  /** Bit 3 of the index of memory; bit 4 of a register. */
  private static int indexOrHighest(Operand last) {
    return switch (last) {
      case Vec vec -> vec.number() >> 4;
      case Mem mem -> mem.hasIndex() ? mem.index().number() >> 3 : 0;
      case Constant ignored -> 0;
    };
  }

  /** Bit 3 of the base of memory, or of a register, with others above it. */
  private static int baseOrLast(Operand last) {
    return switch (last) {
      case Vec vec -> vec.number() >> 3;
      case Mem mem -> mem.base().number() >> 3;
      case Constant ignored -> 0;
    };
  }

  private static int bit(int value, int place) {
    return (value & 1) << place;
  }

  private static int checked8(int constant) {
    if (constant < -128 || constant > 255) {
      throw new IllegalArgumentException(constant + " does not fit into a byte");
    }
    return constant;
  }

  // ---------------------------------------------------------------- operands

  /** A distance from the end of the instruction, which {@code after} bytes still follow. */
  private void constant(int reg, Constant read, int after) {
    put((reg & 7) << 3 | 5);
    Label label = constants.computeIfAbsent(read.words(), words -> new Label());
    fixups.add(new Fixup(size, size + 4 + after, label));
    put32(0);
  }

  /** ModRM, SIB and displacement; one of 8 bits counts in units. */
  private void memory(int reg, Mem mem, int unit) {
    int displacement = mem.displacement();
    int base = mem.base().number() & 7;
    // base 5 without a displacement means something else, base 4 announces a SIB
    boolean none = displacement == 0 && base != 5;
    boolean isShort =
        displacement % unit == 0 && (byte) (displacement / unit) == displacement / unit;
    boolean sib = mem.hasIndex() || base == 4;
    int mode = none ? 0 : isShort ? 0x40 : 0x80;
    put(mode | (reg & 7) << 3 | (sib ? 4 : base));
    if (sib) {
      int scale = Integer.numberOfTrailingZeros(mem.scale());
      put(scale << 6 | (mem.hasIndex() ? mem.index().number() & 7 : 4) << 3 | base);
    }
    if (mode == 0x40) {
      put(displacement / unit);
    } else if (mode == 0x80) {
      put32(displacement);
    }
  }

  // ---------------------------------------------------------------- integer instructions

  private void rex(boolean wide, int reg, Mem mem) {
    int index = mem.hasIndex() ? mem.index().number() : 0;
    rex(wide, reg, index, mem.base().number());
  }

  private void rex(boolean wide, int reg, int index, int base) {
    int rex = (wide ? 8 : 0) | reg >> 3 << 2 | index >> 3 << 1 | base >> 3;
    if (rex != 0) {
      put(0x40 | rex);
    }
  }

  private void registers(int reg, Gp last) {
    put(0xC0 | (reg & 7) << 3 | last.number() & 7);
  }

  /** to = op(to, from), 64 bits; CMP only sets the flags. */
  void alu(Alu op, Gp to, Gp from) {
    rex(true, from.number(), 0, to.number());
    put(op.code << 3 | 1);
    registers(from.number(), to);
  }

  /** to = op(to, constant), 64 bits. */
  void alu(Alu op, Gp to, int constant) {
    rex(true, 0, 0, to.number());
    boolean isShort = constant == (byte) constant;
    put(isShort ? 0x83 : 0x81);
    registers(op.code, to);
    if (isShort) {
      put(constant);
    } else {
      put32(constant);
    }
  }

  /** to = from * constant, 64 bits. */
  void multiply(Gp to, Gp from, int constant) {
    rex(true, to.number(), 0, from.number());
    put(0x69);
    registers(to.number(), from);
    put32(constant);
  }

  void move(Gp to, Gp from) {
    rex(true, from.number(), 0, to.number());
    put(0x89);
    registers(from.number(), to);
  }

  /** to = constant, its upper half zero. */
  void move32(Gp to, int constant) {
    rex(false, 0, 0, to.number());
    put(0xB8 | to.number() & 7);
    put32(constant);
  }

  void load(Gp to, Mem from) {
    rex(true, to.number(), from);
    put(0x8B);
    memory(to.number(), from, 1);
  }

  void store(Mem to, Gp from) {
    rex(true, from.number(), to);
    put(0x89);
    memory(from.number(), to, 1);
  }

  /** Stores the lower half. */
  void store32(Mem to, Gp from) {
    rex(false, from.number(), to);
    put(0x89);
    memory(from.number(), to, 1);
  }

  /** Stores a constant of 32 bits. */
  void store32(Mem to, int constant) {
    rex(false, 0, to);
    put(0xC7);
    memory(0, to, 1);
    put32(constant);
  }

  /** to = the address of memory. */
  void address(Gp to, Mem memory) {
    rex(true, to.number(), memory);
    put(0x8D);
    memory(to.number(), memory, 1);
  }

  void shiftLeft(Gp register, int bits) {
    rex(true, 0, 0, register.number());
    put(0xC1);
    registers(4, register);
    put(checked8(bits));
  }

  void push(Gp register) {
    rex(false, 0, 0, register.number());
    put(0x50 | register.number() & 7);
  }

  void pop(Gp register) {
    rex(false, 0, 0, register.number());
    put(0x58 | register.number() & 7);
  }

  /** Brings the line of memory into the caches. An address that is not mapped does no harm. */
  void prefetch(Hint hint, Mem memory) {
    rex(false, 0, memory);
    put(0x0F);
    put(0x18);
    memory(hint.ordinal(), memory, 1);
  }

  void jump(Condition condition, Label target) {
    put(0x0F);
    put(0x80 | condition.code);
    distance(target);
  }

  void jump(Label target) {
    put(0xE9);
    distance(target);
  }

  private void distance(Label target) {
    fixups.add(new Fixup(size, size + 4, target));
    put32(0);
  }

  void cpuid() {
    put(0x0F);
    put(0xA2);
  }

  void xgetbv() {
    put(0x0F);
    put(0x01);
    put(0xD0);
  }

  /** Ends 256- and 512-bit code, so that SSE code after it runs at full speed. */
  void vzeroupper() {
    put(0xC5);
    put(0xF8);
    put(0x77);
  }

  void ret() {
    put(0xC3);
  }
}
