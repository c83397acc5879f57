package io.moka.kernels.cpu.x86;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.Collectors;

/**
 * Makes {@code encodings.txt}: random instructions and the bytes that GNU as makes of them. Run by
 * hand when an instruction is added: {@code EncodingRecorder <file> <instructions> <seed> [Op...]},
 * of some instructions where they are named; needs as and objcopy.
 */
final class EncodingRecorder {
  private static final Map<String, String> VEX_NAMES =
      Instruction.VEX_NAMES.entrySet().stream()
          .collect(Collectors.toMap(Map.Entry::getValue, Map.Entry::getKey));
  private static final int[] DISPLACEMENTS = {
    0, 4, 8, -4, 64, -64, 127, 128, -128, -129, 508, 512, -512, 8128, -8192, 8192, 100_000
  };
  private static final List<String> FIXED =
      List.of("cpuid", "xgetbv", "vzeroupper", "ret", "tilerelease");
  private static final List<Gp> INDEXES =
      Arrays.stream(Gp.values()).filter(gp -> gp != Gp.RSP).toList();

  private final SplittableRandom random;
  private final List<Op> ops;

  private EncodingRecorder(long seed, List<Op> ops) {
    random = new SplittableRandom(seed);
    this.ops = ops;
  }

  public static void main(String[] arguments) throws IOException, InterruptedException {
    boolean all = arguments.length == 3;
    List<Op> ops =
        all
            ? List.of(Op.values())
            : Arrays.stream(arguments, 3, arguments.length).map(Op::valueOf).toList();
    EncodingRecorder recorder = new EncodingRecorder(Long.parseLong(arguments[2]), ops);
    List<String> lines = new ArrayList<>(all ? FIXED : List.of());
    while (lines.size() < Integer.parseInt(arguments[1])) {
      int kind = all ? recorder.random.nextInt(8) : 7;
      lines.add(
          switch (kind) {
            case 0 -> recorder.integer();
            case 1 -> recorder.tile();
            default -> recorder.vector();
          });
    }
    List<byte[]> codes = assemble(lines);
    List<String> recorded = new ArrayList<>();
    for (int i = 0; i < lines.size(); i++) {
      recorded.add(lines.get(i) + " ; " + HexFormat.of().formatHex(codes.get(i)));
    }
    Files.write(Path.of(arguments[0]), recorded);
  }

  /** Each instruction is followed by a byte with its length; read from the end. */
  private static List<byte[]> assemble(List<String> lines)
      throws IOException, InterruptedException {
    Path folder = Files.createTempDirectory("encodings");
    StringBuilder source = new StringBuilder(".intel_syntax noprefix\n");
    for (String line : lines) {
      source.append("1: ").append(line).append("\n2: .byte 2b-1b\n");
    }
    Files.writeString(folder.resolve("a.s"), source, StandardCharsets.US_ASCII);
    run(folder, "as", "-o", "a.o", "a.s");
    run(folder, "objcopy", "-O", "binary", "-j", ".text", "a.o", "a.bin");
    byte[] bytes = Files.readAllBytes(folder.resolve("a.bin"));
    List<byte[]> codes = new ArrayList<>();
    for (int end = bytes.length; end > 0; ) {
      int length = bytes[end - 1];
      codes.add(Arrays.copyOfRange(bytes, end - 1 - length, end - 1));
      end -= length + 1;
    }
    Collections.reverse(codes);
    return codes;
  }

  private static void run(Path folder, String... command) throws IOException, InterruptedException {
    int status =
        new ProcessBuilder(command).directory(folder.toFile()).inheritIO().start().waitFor();
    if (status != 0) {
      throw new IOException(String.join(" ", command) + " ended with " + status);
    }
  }

  private <T> T one(List<T> choices) {
    return choices.get(random.nextInt(choices.size()));
  }

  // ---------------------------------------------------------------- vector instructions

  private String vector() {
    Op op = one(ops);
    String name = op.name().toLowerCase(Locale.ROOT).replaceFirst("_(store|lanes)$", "");
    boolean store = op.name().endsWith("_STORE");
    boolean fixedWidth = op == Op.VCVTNEPS2BF16 || op == Op.VSHUFF32X4 || op == Op.VBROADCASTI32X4;
    // not all have the narrowest vectors, or any but the widest
    int narrowest = op == Op.VPERMD || op.vexOnly ? 256 : fixedWidth ? 512 : 128;
    int widest = op == Op.VMOVD_STORE ? 128 : op.vexOnly ? 256 : 512;
    int bits = Math.max(narrowest, Math.min(widest, 128 << random.nextInt(3)));
    boolean evex =
        op != Op.VMOVD_STORE
            && !op.vexOnly
            && (bits == 512 || op.evexOnly || random.nextInt(3) > 0);
    boolean memory = store || op == Op.VBROADCASTI32X4 || random.nextBoolean();
    if (op.form == Op.Form.VMI && !evex) {
      memory = false;
    }
    // as swaps the operands of a move between low registers where that saves a byte
    memory |= op == Op.VMOVUPS || op == Op.VMOVDQU32;
    boolean broadcast = evex && memory && op.tuple == Op.Tuple.FULL && random.nextBoolean();
    boolean toMemory = store || op == Op.VPMOVDW && memory;
    boolean masked = evex && !toMemory && random.nextInt(4) == 0;

    String wide = register(bits, evex);
    String first = register(bits, evex);
    int lastBits =
        switch (op.tuple) {
          case FULL, VECTOR -> bits;
          case HALF -> Math.max(128, bits / 2);
          case QUARTER -> Math.max(128, bits / 4);
          case FOUR_BYTES, SIXTEEN_BYTES -> 128;
        };
    String last =
        memory
            ? memory(op.tuple.bytes(bits, broadcast), broadcast ? "{1to" + bits / 32 + "}" : "")
            : register(lastBits, evex);
    String constant =
        op.hasImmediate() ? ", " + random.nextInt(op == Op.VCMPPS_LANES ? 32 : 256) : "";
    String mask = masked ? "{k" + (1 + random.nextInt(7)) + "}" : "";
    String zeroing = masked && random.nextBoolean() ? mask + "{z}" : mask;
    String operands =
        switch (op.form) {
          case RM, RMI, VMI -> wide + zeroing + ", " + last + constant;
          case MR -> last + (memory ? "" : zeroing) + ", " + wide + constant;
          case RVM, RVMI -> wide + zeroing + ", " + first + ", " + last + constant;
          case COMPARE ->
              "k"
                  + (1 + random.nextInt(7))
                  + ", "
                  + first
                  + ", "
                  + last
                  + ", "
                  + random.nextInt(32);
        };
    if (op == Op.VCVTNEPS2BF16) {
      operands = operands.replaceFirst("^z", "y");
    }
    boolean high = operands.matches(".*mm(1[6-9]|2\\d|3[01]).*");
    boolean isVex = bits < 512 && !op.evexOnly && !high && !broadcast && !masked;
    boolean vexByMemory = isVex && !(op.form == Op.Form.VMI && memory);
    String vexName = op == Op.VPDPBUSD ? "{vex} " + name : name;
    return (vexByMemory ? VEX_NAMES.getOrDefault(op.name().replace("_STORE", ""), vexName) : name)
        + " "
        + operands;
  }

  private String register(int bits, boolean evex) {
    return "xyz".charAt(Integer.numberOfTrailingZeros(bits / 128))
        + "mm"
        + random.nextInt(evex ? 32 : 16);
  }

  private String memory(int unit, String broadcast) {
    return memory(unit, broadcast, random.nextBoolean());
  }

  private String memory(int unit, String broadcast, boolean indexed) {
    String base = one(List.of(Gp.values())).name().toLowerCase(Locale.ROOT);
    Gp index = one(INDEXES);
    String scaled =
        !indexed
            ? ""
            : "+" + index.name().toLowerCase(Locale.ROOT) + "*" + (1 << random.nextInt(4));
    int displacement =
        random.nextBoolean()
            ? DISPLACEMENTS[random.nextInt(DISPLACEMENTS.length)]
            : unit * random.nextInt(-140, 140);
    String signed = displacement == 0 ? "" : String.format(Locale.ROOT, "%+d", displacement);
    return "[" + base + scaled + signed + "]" + broadcast;
  }

  // ---------------------------------------------------------------- tiles

  private String tile() {
    String tile = "tmm" + random.nextInt(8);
    // three different ones, or the processor refuses
    int first = random.nextInt(8);
    String rows = memory(1, "", true);
    return switch (random.nextInt(5)) {
      case 0 -> "ldtilecfg " + memory(1, "");
      case 1 -> "tilezero " + tile;
      case 2 -> "tileloadd " + tile + ", " + rows;
      case 3 -> "tilestored " + rows + ", " + tile;
      default ->
          one(List.of("tdpbssd", "tdpbsud", "tdpbf16ps"))
              + " tmm%d, tmm%d, tmm%d".formatted(first, (first + 3) % 8, (first + 5) % 8);
    };
  }

  // ---------------------------------------------------------------- integer instructions

  private String integer() {
    int constant = random.nextBoolean() ? random.nextInt(-128, 128) : random.nextInt();
    String whole = gp(false);
    String half = gp(true);
    String memory = memory(1, "");
    return switch (random.nextInt(12)) {
      case 0 ->
          one(List.of("add", "or", "and", "sub", "xor", "cmp")) + " " + whole + ", " + gp(false);
      // as has a shorter form for rax and constants of 32 bits
      case 1 -> "add " + whole.replace("rax", "rcx") + ", " + constant;
      case 2 -> "mov " + whole + ", " + gp(false);
      case 3 -> "mov " + half + ", " + constant;
      case 4 -> "mov " + whole + ", " + memory;
      case 5 -> "mov " + memory + ", " + (random.nextBoolean() ? whole : half);
      case 6 -> "mov dword ptr " + memory + ", " + constant;
      case 7 -> "lea " + whole + ", " + memory;
      case 8 -> "shl " + whole + ", " + random.nextInt(2, 64);
      case 9 -> one(List.of("push", "pop")) + " " + whole;
      // as has a shorter form for constants of a byte
      case 10 -> "imul " + whole + ", " + gp(false) + ", " + random.nextInt(128, 1 << 20);
      default -> "prefetch" + one(List.of("nta", "t0", "t1", "t2")) + " " + memory;
    };
  }

  private String gp(boolean half) {
    Gp gp = one(List.of(Gp.values()));
    String name = gp.name().toLowerCase(Locale.ROOT);
    return !half ? name : gp.number() < 8 ? "e" + name.substring(1) : name + "d";
  }
}
