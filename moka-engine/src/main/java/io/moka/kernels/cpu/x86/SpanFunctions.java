package io.moka.kernels.cpu.x86;

import io.moka.kernels.KvType;
import io.moka.kernels.cpu.SpanProducts;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * The functions of attention over a cache of one type, for 1 to 8 query heads. Owns their code;
 * closed when no call is under way.
 *
 * @param type of the cache
 * @param memory holds the code
 * @param scores for each number of heads
 * @param values for each number of heads
 * @param softmax of any number of heads
 * @param round of queries, where these and probabilities are taken in bf16
 * @param widening to floats, where that is not what they are, nor what is multiplied
 */
record SpanFunctions(
    KvType type,
    CodeMemory memory,
    MemorySegment[] scores,
    MemorySegment[] values,
    MemorySegment softmax,
    Optional<MemorySegment> round,
    Optional<Widening> widening)
    implements AutoCloseable {
  /**
   * The functions that make floats of a block.
   *
   * @param keys of its keys
   * @param values of its values
   * @param pairs whether both count pairs of columns; else columns of keys, and strips of values
   */
  record Widening(MemorySegment keys, MemorySegment values, boolean pairs) {
    private static Optional<Widening> of(KvType type, MemorySegment[] entries) {
      boolean pairs = type.format().isPresent();
      return entries.length == 0
          ? Optional.empty()
          : Optional.of(new Widening(entries[0], entries[1], pairs));
    }
  }

  /** Writes and loads the functions for a type, if this processor can run them. */
  static Availability<SpanFunctions> load(KvType type, CpuFeatures features) {
    boolean wide = features.has(CpuFeatures.FLOAT_512);
    boolean floats = type.format().isPresent();
    Set<CpuFeatures.Feature> least = floats ? CpuFeatures.AVX2_FMA : CpuFeatures.FLOAT_512;
    String missing = features.missing(least);
    if (!wide && !missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    return load(type, false, wide ? 512 : 256);
  }

  /** As above, for a cache of BF16 and queries and probabilities rounded to it. */
  static Availability<SpanFunctions> loadRounding(CpuFeatures features) {
    for (Set<CpuFeatures.Feature> needed : List.of(CpuFeatures.FLOAT_512, CpuFeatures.BF16_512)) {
      String missing = features.missing(needed);
      if (!missing.isEmpty()) {
        return new Availability.Unavailable<>("the processor or the system lacks " + missing);
      }
    }
    return load(KvType.BF16, true, 512);
  }

  private static Availability<SpanFunctions> load(KvType type, boolean dots, int bits) {
    Assembler assembler = new Assembler();
    int[] scores = new int[SpanProducts.MAX_HEADS];
    int[] values = new int[SpanProducts.MAX_HEADS];
    for (int heads = 1; heads <= SpanProducts.MAX_HEADS; heads++) {
      SpanCode.Shape shape = new SpanCode.Shape(type, dots, heads, bits);
      assembler.align(64);
      scores[heads - 1] = assembler.size();
      new ScoreCode(assembler, shape).emit();
      assembler.align(64);
      values[heads - 1] = assembler.size();
      new ValueCode(assembler, shape).emit();
    }
    assembler.align(64);
    int softmax = assembler.size();
    SoftmaxCode.emit(assembler, bits);
    assembler.align(64);
    int round = assembler.size();
    if (dots) {
      Bf16RoundCode.emit(assembler);
    }
    int[] widening = dots || type == KvType.F32 ? new int[0] : emitWidening(assembler, type, bits);
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new SpanFunctions(
                  type,
                  memory,
                  memory.entries(scores),
                  memory.entries(values),
                  memory.entry(softmax),
                  dots ? Optional.of(memory.entry(round)) : Optional.empty(),
                  Widening.of(type, memory.entries(widening))));
    };
  }

  /** Where the functions for keys and for values begin. */
  private static int[] emitWidening(Assembler assembler, KvType type, int bits) {
    assembler.align(64);
    int keys = assembler.size();
    if (type.format().isPresent()) {
      WidenCode.emitFloats(assembler, type.format().get(), bits);
      return new int[] {keys, keys};
    }
    WidenCode.emitCodedKeys(assembler);
    assembler.align(64);
    int values = assembler.size();
    WidenCode.emitCodedValues(assembler);
    return new int[] {keys, values};
  }

  @Override
  public void close() {
    memory.close();
  }
}
