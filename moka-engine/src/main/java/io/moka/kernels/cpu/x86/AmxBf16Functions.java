package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.CpuFeatures.Feature;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * The functions that multiply BF16 weights by tiles, one for each number of rows of the last panel,
 * and the one that brings a row into parts of bf16. Owns their code; closed when no call is under
 * way.
 *
 * @param parts of a row: 1 rounds it, {@link SplitCode#PARTS} keep all of it
 * @param memory holds the code
 * @param toParts from floats into a panel
 * @param products for each number of rows
 */
record AmxBf16Functions(
    int parts, CodeMemory memory, MemorySegment toParts, MemorySegment[] products)
    implements AutoCloseable {
  /** What these need of the processor. */
  static final Set<Feature> NEEDED;

  static {
    NEEDED = EnumSet.copyOf(CpuFeatures.BF16_512);
    NEEDED.add(Feature.AVX512BW);
    NEEDED.add(Feature.AMX_BF16);
  }

  /** For rows rounded to bf16; as {@link AmxInt8Functions#load} says. */
  static Availability<AmxBf16Functions> rounded(CpuFeatures features) {
    return load(1, features);
  }

  /** For rows as they are. */
  static Availability<AmxBf16Functions> exact(CpuFeatures features) {
    return load(SplitCode.PARTS, features);
  }

  private static Availability<AmxBf16Functions> load(int parts, CpuFeatures features) {
    String missing = features.missing(NEEDED);
    if (!missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    Assembler assembler = new Assembler();
    if (parts == 1) {
      Bf16RoundCode.emit(assembler);
    } else {
      SplitCode.emit(assembler);
    }
    int[] products = new int[GroupCode.MAX_ROWS];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      AmxBf16Code.emit(assembler, parts, rows);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new AmxBf16Functions(parts, memory, memory.entry(0), memory.entries(products)));
    };
  }

  /** The product with a number of rows of the last panel from 1 to 16. */
  MemorySegment product(int lastRows) {
    return products[lastRows - 1];
  }

  @Override
  public void close() {
    memory.close();
  }
}
