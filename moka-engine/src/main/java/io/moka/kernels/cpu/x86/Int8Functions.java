package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.GroupProducts;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * The functions for quantised weights of one layout: products with 1 to 16 rows, one for any larger
 * number where there is AVX-512, and the quantisation of rows. Owns their code; closed when no call
 * is under way.
 *
 * @param layout of the weights
 * @param rec how rows lie in panels
 * @param blocksAhead for each number of rows, blocks from where a strip is read to where it is
 *     prefetched
 * @param memory holds the code
 * @param quantise from floats into a panel
 * @param products for each number of rows from 1 to 16
 * @param manyRows for more rows, up to {@link GroupProducts#MAX_ROWS}
 */
record Int8Functions(
    TileLayout layout,
    ActivationRecord rec,
    int[] blocksAhead,
    CodeMemory memory,
    MemorySegment quantise,
    MemorySegment[] products,
    Optional<MemorySegment> manyRows)
    implements AutoCloseable {
  /** Writes and loads the functions for a layout, if this processor can run them. */
  static Availability<Int8Functions> load(TileLayout layout, CpuFeatures features) {
    boolean wide = features.has(CpuFeatures.VNNI_512);
    String missing = features.missing(CpuFeatures.AVX2_FMA);
    if (!wide && !missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    ActivationRecord rec = ActivationRecord.of(layout);
    Assembler assembler = new Assembler();
    QuantiseCode.emit(assembler, rec, wide ? 512 : 256);
    int[] products = new int[GroupCode.MAX_ROWS];
    int[] blocksAhead = new int[products.length];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      ReadPattern pattern = ReadPattern.ofInt8(features, layout, rows);
      blocksAhead[rows - 1] = pattern.blocksAhead(layout.blockBytes());
      if (wide) {
        Int8GroupCode.emit(assembler, layout, rows, pattern);
      } else {
        boolean vnni = features.present().contains(CpuFeatures.Feature.AVX_VNNI);
        Int8Avx2Code.emit(assembler, layout, rows, pattern, vnni);
      }
    }
    assembler.align(64);
    int manyRows = assembler.size();
    if (wide) {
      Int8ManyRowsCode.emit(assembler, layout);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new Int8Functions(
                  layout,
                  rec,
                  blocksAhead,
                  memory,
                  memory.entry(0),
                  memory.entries(products),
                  wide ? Optional.of(memory.entry(manyRows)) : Optional.empty()));
    };
  }

  /** Rows that one call takes at most. */
  int mostRows() {
    return manyRows.isPresent() ? GroupProducts.MAX_ROWS : products.length;
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
