package io.moka.kernels.cpu.x86;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.EnumSet;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * What the processor has and the system lets us use, asked of the processor itself (cpuid, xgetbv;
 * Intel's manual, volume 2, and volume 1, section 15.2).
 *
 * @param present the features
 * @param family family, the extended one included
 * @param model model, the extended one included
 */
record CpuFeatures(Set<Feature> present, int family, int model) {
  /** The extensions that kernels are written for. */
  enum Feature {
    AVX2,
    FMA,
    F16C,
    AVX_VNNI,
    AVX512F,
    AVX512DQ,
    AVX512BW,
    AVX512VL,
    AVX512_VNNI,
    AVX512_BF16,
    AMX_INT8,
    AMX_BF16
  }

  /** What the kernels of 256 bits need; some use AVX-VNNI where it is there. */
  static final Set<Feature> AVX2_FMA = Set.of(Feature.AVX2, Feature.F16C, Feature.FMA);

  /** What the kernels of 512 bits with byte dot products need. */
  static final Set<Feature> VNNI_512 =
      Set.of(
          Feature.AVX512F,
          Feature.AVX512DQ,
          Feature.AVX512BW,
          Feature.AVX512VL,
          Feature.AVX512_VNNI,
          Feature.F16C,
          Feature.FMA);

  /** What the kernels of 512 bits with floats alone need. */
  static final Set<Feature> FLOAT_512 =
      Set.of(
          Feature.AVX512F,
          Feature.AVX512DQ,
          Feature.AVX512BW,
          Feature.AVX512VL,
          Feature.F16C,
          Feature.FMA);

  /** What the kernels of 512 bits with dot products of bf16 need. */
  static final Set<Feature> BF16_512 =
      Set.of(Feature.AVX512F, Feature.AVX512VL, Feature.AVX512_BF16);

  /** Registers of a leaf of cpuid. */
  record Leaf(int eax, int ebx, int ecx, int edx) {
    static final Leaf ABSENT = new Leaf(0, 0, 0, 0);
  }

  private static final int OSXSAVE = 27;
  private static final long XMM_YMM = 0x6;
  private static final long ZMM = 0xE0;
  private static final long TILES = 0x60000;

  /** Either features or the reason why nothing is known. */
  sealed interface Result {}

  /** The processor answered. */
  record Found(CpuFeatures features) implements Result {}

  /** It could not be asked. */
  record Unknown(String reason) implements Result {}

  /** Asks the processor. */
  static Result detect() {
    Assembler assembler = new Assembler();
    emitCpuid(assembler);
    int xgetbv = assembler.size();
    emitXgetbv(assembler);
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Unknown(refused.reason());
      case CodeMemory.Loaded loaded -> {
        try (CodeMemory memory = loaded.memory()) {
          yield new Found(ask(memory.entry(0), memory.entry(xgetbv)));
        }
      }
    };
  }

  private static CpuFeatures ask(MemorySegment cpuid, MemorySegment xgetbv) {
    Probe probe = new Probe(Linker.nativeLinker().downcallHandle(Probe.DESCRIPTOR));
    Leaf leaf0 = probe.call(cpuid, 0, 0);
    Leaf leaf1 = probe.call(cpuid, 1, 0);
    Leaf leaf7 = leaf0.eax() >= 7 ? probe.call(cpuid, 7, 0) : Leaf.ABSENT;
    Leaf leaf71 = leaf7.eax() >= 1 ? probe.call(cpuid, 7, 1) : Leaf.ABSENT;
    // the instruction does not exist where the system does not use it
    Leaf saved = has(leaf1.ecx(), OSXSAVE) ? probe.call(xgetbv, 0, 0) : Leaf.ABSENT;
    return of(leaf1, leaf7, leaf71, Integer.toUnsignedLong(saved.eax()));
  }

  /** The features that the registers tell of. */
  static CpuFeatures of(Leaf leaf1, Leaf leaf7, Leaf leaf71, long xcr0) {
    Set<Feature> present = EnumSet.noneOf(Feature.class);
    if ((xcr0 & XMM_YMM) == XMM_YMM) {
      add(present, Feature.AVX2, leaf7.ebx(), 5);
      add(present, Feature.FMA, leaf1.ecx(), 12);
      add(present, Feature.F16C, leaf1.ecx(), 29);
      add(present, Feature.AVX_VNNI, leaf71.eax(), 4);
      if ((xcr0 & ZMM) == ZMM) {
        add(present, Feature.AVX512F, leaf7.ebx(), 16);
        add(present, Feature.AVX512DQ, leaf7.ebx(), 17);
        add(present, Feature.AVX512BW, leaf7.ebx(), 30);
        add(present, Feature.AVX512VL, leaf7.ebx(), 31);
        add(present, Feature.AVX512_VNNI, leaf7.ecx(), 11);
        add(present, Feature.AVX512_BF16, leaf71.eax(), 5);
      }
    }
    if ((xcr0 & TILES) == TILES && has(leaf7.edx(), 24)) {
      add(present, Feature.AMX_INT8, leaf7.edx(), 25);
      add(present, Feature.AMX_BF16, leaf7.edx(), 22);
    }
    int signature = leaf1.eax();
    int family = signature >> 8 & 15;
    int model = signature >> 4 & 15;
    if (family == 6 || family == 15) {
      model |= signature >> 12 & 0xF0;
    }
    if (family == 15) {
      family += signature >> 20 & 0xFF;
    }
    return new CpuFeatures(Set.copyOf(present), family, model);
  }

  private static void add(Set<Feature> present, Feature feature, int register, int bit) {
    if (has(register, bit)) {
      present.add(feature);
    }
  }

  private static boolean has(int register, int bit) {
    return (register >>> bit & 1) == 1;
  }

  /** The same without what lies beyond a step. */
  CpuFeatures limitedTo(InstructionSet most) {
    Set<Feature> allowed = present.stream().filter(most::has).collect(Collectors.toSet());
    return new CpuFeatures(Set.copyOf(allowed), family, model);
  }

  /** Whether all of some features are there. */
  boolean has(Set<Feature> needed) {
    return present.containsAll(needed);
  }

  /** What machine code for bytes uses of it, and what that for floats does where it uses more. */
  String instructions() {
    if (has(VNNI_512)) {
      return "AVX-512 VNNI";
    }
    String bytes = present.contains(Feature.AVX_VNNI) ? "AVX2 with VNNI" : "AVX2";
    return bytes + (has(FLOAT_512) ? ", floats in AVX-512" : "");
  }

  /** Those of some features that are absent, in alphabetical order; empty when all are there. */
  String missing(Set<Feature> needed) {
    return needed.stream()
        .filter(feature -> !present.contains(feature))
        .map(Feature::name)
        .sorted()
        .collect(Collectors.joining(", "));
  }

  /** void cpuid(int leaf, int subleaf, int[4] out). */
  private static void emitCpuid(Assembler assembler) {
    assembler.push(Gp.RBX);
    assembler.move(Gp.R8, Gp.RDX);
    assembler.move(Gp.RAX, Gp.RDI);
    assembler.move(Gp.RCX, Gp.RSI);
    assembler.cpuid();
    assembler.store32(Mem.at(Gp.R8, 0), Gp.RAX);
    assembler.store32(Mem.at(Gp.R8, 4), Gp.RBX);
    assembler.store32(Mem.at(Gp.R8, 8), Gp.RCX);
    assembler.store32(Mem.at(Gp.R8, 12), Gp.RDX);
    assembler.pop(Gp.RBX);
    assembler.ret();
  }

  /** void xgetbv(int unused, int register, int[4] out): eax and edx. */
  private static void emitXgetbv(Assembler assembler) {
    assembler.move(Gp.R8, Gp.RDX);
    assembler.move(Gp.RCX, Gp.RSI);
    assembler.xgetbv();
    assembler.store32(Mem.at(Gp.R8, 0), Gp.RAX);
    assembler.store32(Mem.at(Gp.R8, 12), Gp.RDX);
    assembler.ret();
  }

  /** Calls the two functions. */
  private record Probe(MethodHandle handle) {
    static final FunctionDescriptor DESCRIPTOR =
        FunctionDescriptor.ofVoid(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.ADDRESS);

    Leaf call(MemorySegment function, int first, int second) {
      try (Arena arena = Arena.ofConfined()) {
        MemorySegment out = arena.allocate(16, 4);
        handle.invokeExact(function, first, second, out);
        return new Leaf(at(out, 0), at(out, 4), at(out, 8), at(out, 12));
      } catch (RuntimeException e) {
        throw e;
      } catch (Throwable impossible) {
        throw new AssertionError(impossible);
      }
    }

    private static int at(MemorySegment out, int offset) {
      return out.get(ValueLayout.JAVA_INT, offset);
    }
  }
}
