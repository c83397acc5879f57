package io.moka.kernels.cpu.x86;

import java.lang.foreign.MemorySegment;

/**
 * The function that joins what gate and up of an expert yield. Owns its code; closed when no call
 * is under way.
 *
 * @param memory holds the code
 * @param silu where SiLU is the activation
 */
record GateFunctions(CodeMemory memory, MemorySegment silu) implements AutoCloseable {
  /** Writes and loads the function, if this processor can run it. */
  static Availability<GateFunctions> load(CpuFeatures features) {
    boolean wide = features.has(CpuFeatures.FLOAT_512);
    String missing = features.missing(CpuFeatures.AVX2_FMA);
    if (!wide && !missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    Assembler assembler = new Assembler();
    SiluCode.emit(assembler, wide ? 512 : 256);
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(new GateFunctions(memory, memory.entry(0)));
    };
  }

  @Override
  public void close() {
    memory.close();
  }
}
