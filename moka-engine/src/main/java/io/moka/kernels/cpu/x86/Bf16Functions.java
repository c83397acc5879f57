package io.moka.kernels.cpu.x86;

import java.lang.foreign.MemorySegment;

/**
 * The functions for bf16 weights and rows rounded to bf16: products with 1 to 16 rows, and the
 * rounding. Owns their code; closed when no call is under way.
 *
 * @param memory holds the code
 * @param round from floats into a panel
 * @param products for each number of rows
 */
record Bf16Functions(CodeMemory memory, MemorySegment round, MemorySegment[] products)
    implements AutoCloseable {
  /** Blocks from where a strip is read to where it is prefetched. */
  static final int BLOCKS_AHEAD = ReadPattern.FOUR_STREAMS.blocksAhead(Bf16GroupCode.BLOCK_BYTES);

  /** Writes and loads the functions, if this processor can run them. */
  static Availability<Bf16Functions> load(CpuFeatures features) {
    String missing = features.missing(CpuFeatures.BF16_512);
    if (!missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    Assembler assembler = new Assembler();
    Bf16RoundCode.emit(assembler);
    int[] products = new int[GroupCode.MAX_ROWS];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      Bf16GroupCode.emit(assembler, rows);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new Bf16Functions(memory, memory.entry(0), memory.entries(products)));
    };
  }

  /** The product with a number of rows from 1 to 16. */
  MemorySegment product(int rows) {
    return products[rows - 1];
  }

  @Override
  public void close() {
    memory.close();
  }
}
