package io.moka.kernels.cpu.x86;

import io.moka.weights.PackedMatrix;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;

/**
 * The functions for float weights of one format: products with 1 to 8 rows, or 6 in AVX2. Owns
 * their code; closed when no call is under way.
 *
 * @param format of the weights
 * @param blocksAhead for each number of rows, pairs of columns from where a strip is read to where
 *     it is prefetched
 * @param memory holds the code
 * @param products for each number of rows
 */
record FloatFunctions(
    WeightFormat format, int[] blocksAhead, CodeMemory memory, MemorySegment[] products)
    implements AutoCloseable {
  /** Writes and loads the functions for a format, if this processor can run them. */
  static Availability<FloatFunctions> load(WeightFormat format, CpuFeatures features) {
    boolean wide = features.has(CpuFeatures.FLOAT_512);
    String missing = features.missing(CpuFeatures.AVX2_FMA);
    if (!wide && !missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    int bits = wide ? 512 : 256;
    Assembler assembler = new Assembler();
    int[] products = new int[FloatGroupCode.mostRows(bits)];
    int[] blocksAhead = new int[products.length];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      ReadPattern pattern = ReadPattern.ofFloats(features, rows);
      blocksAhead[rows - 1] = pattern.blocksAhead(PackedMatrix.pairBytes(format));
      FloatGroupCode.emit(assembler, format, rows, bits, pattern);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new FloatFunctions(format, blocksAhead, memory, memory.entries(products)));
    };
  }

  /** Rows that a call takes at most. */
  int mostRows() {
    return products.length;
  }

  /** The product with a number of rows from 1 to {@link #mostRows}. */
  MemorySegment product(int rows) {
    return products[rows - 1];
  }

  @Override
  public void close() {
    memory.close();
  }
}
