package io.moka.kernels.cpu.x86;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * One instruction as GNU as writes it (Intel syntax, bare register names): {@code vpdpbusd zmm3,
 * zmm17, [rax+rcx*4+128]{1to16}}.
 */
record Instruction(String name, List<String> operands) {
  private static final Pattern MEMORY =
      Pattern.compile(
          "(?:dword ptr )?\\[(\\w+)(?:\\+(\\w+)\\*(\\d))?([+-]\\d+)?\\](\\{1to\\d+\\})?");
  private static final Pattern VECTOR =
      Pattern.compile("([xyz])mm(\\d+)(?:\\{k(\\d)\\})?(\\{z\\})?");

  /** Instructions whose names without an EVEX prefix differ. */
  static final Map<String, String> VEX_NAMES =
      Map.of(
          "vpand", "VPANDD",
          "vpandn", "VPANDND",
          "vpor", "VPORD",
          "vpxor", "VPXORD",
          "vmovdqu", "VMOVDQU32",
          "vbroadcasti128", "VBROADCASTI32X4");

  /** Instructions whose destination may be a register or memory. */
  private static final Set<String> SAME_NAME = Set.of(Op.VPMOVDW.name());

  static Instruction parse(String text) {
    String bare = text.startsWith("{vex} ") ? text.substring("{vex} ".length()) : text;
    String[] parts = bare.split(" ", 2);
    return new Instruction(
        parts[0], parts.length == 1 ? List.of() : Arrays.asList(parts[1].split(", ")));
  }

  /** The bytes that our assembler makes of it. */
  byte[] assemble() {
    Assembler assembler = new Assembler();
    if (name.startsWith("v") && !name.equals("vzeroupper")) {
      vector(assembler);
    } else if (name.startsWith("t") || name.equals("ldtilecfg")) {
      tile(assembler);
    } else {
      integer(assembler);
    }
    return assembler.toBytes();
  }

  private void vector(Assembler assembler) {
    String upper = VEX_NAMES.getOrDefault(name, name.toUpperCase(Locale.ROOT));
    boolean store = operands.getFirst().startsWith("[") && !SAME_NAME.contains(upper);
    boolean lanes = name.equals("vcmpps") && operands.getFirst().startsWith("ymm");
    Op op = Op.valueOf(upper + (store ? "_STORE" : lanes ? "_LANES" : ""));
    List<String> left = new ArrayList<>(operands);
    int constant = op.hasImmediate() ? Integer.parseInt(left.removeLast()) : 0;
    if (op.form == Op.Form.COMPARE) {
      int k = Integer.parseInt(left.get(0).substring(1));
      assembler.compare(op, k, vec(left.get(1)), operand(left.get(2)), constant);
    } else if (left.size() == 3 && op.hasImmediate()) {
      assembler.emit(op, vec(left.get(0)), vec(left.get(1)), operand(left.get(2)), constant);
    } else if (left.size() == 3) {
      assembler.emit(op, vec(left.get(0)), vec(left.get(1)), operand(left.get(2)));
    } else if (op.hasImmediate()) {
      assembler.emit(op, operand(left.get(0)), operand(left.get(1)), constant);
    } else {
      assembler.emit(op, operand(left.get(0)), operand(left.get(1)));
    }
  }

  private void tile(Assembler assembler) {
    TileOp op = TileOp.valueOf(name.toUpperCase(Locale.ROOT));
    switch (op) {
      case LDTILECFG -> assembler.configureTiles(mem(operands.getFirst()));
      case TILERELEASE -> assembler.releaseTiles();
      case TILEZERO -> assembler.zeroTile(tile(0));
      case TILELOADD -> assembler.tileMemory(op, tile(0), mem(operands.get(1)));
      case TILESTORED -> assembler.tileMemory(op, tile(1), mem(operands.get(0)));
      case TDPBSSD, TDPBF16PS -> assembler.multiplyTiles(op, tile(0), tile(1), tile(2));
    }
  }

  private Tile tile(int index) {
    return new Tile(Integer.parseInt(operands.get(index).substring("tmm".length())));
  }

  private void integer(Assembler assembler) {
    switch (name) {
      case "cpuid" -> assembler.cpuid();
      case "xgetbv" -> assembler.xgetbv();
      case "vzeroupper" -> assembler.vzeroupper();
      case "ret" -> assembler.ret();
      case "push" -> assembler.push(gp(0));
      case "pop" -> assembler.pop(gp(0));
      case "lea" -> assembler.address(gp(0), mem(operands.get(1)));
      case "shl" -> assembler.shiftLeft(gp(0), Integer.parseInt(operands.get(1)));
      case "imul" -> assembler.multiply(gp(0), gp(1), Integer.parseInt(operands.get(2)));
      case "mov" -> move(assembler);
      default -> {
        if (name.startsWith("prefetch")) {
          String hint = name.substring("prefetch".length()).toUpperCase(Locale.ROOT);
          assembler.prefetch(Assembler.Hint.valueOf(hint), mem(operands.getFirst()));
          return;
        }
        Assembler.Alu alu = Assembler.Alu.valueOf(name.toUpperCase(Locale.ROOT));
        if (Character.isLetter(operands.get(1).charAt(0))) {
          assembler.alu(alu, gp(0), gp(1));
        } else {
          assembler.alu(alu, gp(0), Integer.parseInt(operands.get(1)));
        }
      }
    }
  }

  private void move(Assembler assembler) {
    String to = operands.get(0);
    String from = operands.get(1);
    boolean number = Character.isDigit(from.charAt(0)) || from.startsWith("-");
    if (to.startsWith("dword")) {
      assembler.store32(mem(to), Integer.parseInt(from));
    } else if (to.startsWith("[")) {
      if (isHalf(from)) {
        assembler.store32(mem(to), register(from));
      } else {
        assembler.store(mem(to), register(from));
      }
    } else if (number) {
      assembler.move32(register(to), Integer.parseInt(from));
    } else if (from.startsWith("[")) {
      assembler.load(register(to), mem(from));
    } else {
      assembler.move(register(to), register(from));
    }
  }

  private Gp gp(int index) {
    return register(operands.get(index));
  }

  private static boolean isHalf(String register) {
    return register.startsWith("e") || register.endsWith("d");
  }

  private static Gp register(String text) {
    String whole =
        text.startsWith("e")
            ? "r" + text.substring(1)
            : text.endsWith("d") ? text.substring(0, text.length() - 1) : text;
    return Gp.valueOf(whole.toUpperCase(Locale.ROOT));
  }

  private static Operand operand(String text) {
    return text.endsWith("]") || text.contains("{1to") ? mem(text) : vec(text);
  }

  private static Vec vec(String text) {
    Matcher matcher = VECTOR.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(text + " is no vector register");
    }
    int bits = 128 << "xyz".indexOf(matcher.group(1));
    int mask = matcher.group(3) == null ? 0 : Integer.parseInt(matcher.group(3));
    return new Vec(Integer.parseInt(matcher.group(2)), bits, mask, matcher.group(4) != null);
  }

  private static Mem mem(String text) {
    Matcher matcher = MEMORY.matcher(text);
    if (!matcher.matches()) {
      throw new IllegalArgumentException(text + " is no memory");
    }
    String displacement = matcher.group(4);
    return new Mem(
        register(matcher.group(1)),
        matcher.group(2) == null ? Gp.RSP : register(matcher.group(2)),
        matcher.group(2) == null ? 1 : Integer.parseInt(matcher.group(3)),
        displacement == null ? 0 : Integer.parseInt(displacement),
        matcher.group(5) != null);
  }
}
