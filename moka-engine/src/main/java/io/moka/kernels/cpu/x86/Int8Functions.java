package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;

/**
 * The functions for weights of one layout: products with 1 to 16 rows, and the quantisation of rows.
 * Owns their code; closed when no call is under way.
 */
final class Int8Functions implements AutoCloseable {
  /** Bytes from where a strip is read to where it is prefetched. */
  static final int AHEAD_BYTES = 3072;

  /** Either functions or the reason why there are none. */
  sealed interface Result {}

  /** The functions can be called. */
  record Ready(Int8Functions functions) implements Result {}

  /** They cannot, and why: one clause for a log. */
  record Unavailable(String reason) implements Result {}

  private final TileLayout layout;
  private final ActivationRecord rec;
  private final int blocksAhead;
  private final CodeMemory memory;
  private final MemorySegment quantise;
  private final MemorySegment copy;
  private final MemorySegment[] products;

  private Int8Functions(
      TileLayout layout, int blocksAhead, CodeMemory memory, int copy, int[] products) {
    this.layout = layout;
    this.blocksAhead = blocksAhead;
    this.rec = ActivationRecord.of(layout);
    this.memory = memory;
    this.quantise = memory.entry(0);
    this.copy = memory.entry(copy);
    this.products = new MemorySegment[products.length];
    for (int i = 0; i < products.length; i++) {
      this.products[i] = memory.entry(products[i]);
    }
  }

  /** Writes and loads the functions for a layout, if this processor can run them. */
  static Result load(TileLayout layout, CpuFeatures features) {
    return load(layout, features, AHEAD_BYTES);
  }

  static Result load(TileLayout layout, CpuFeatures features, int aheadBytes) {
    String missing = features.missing(CpuFeatures.VNNI_512);
    if (!missing.isEmpty()) {
      return new Unavailable("the processor or the system lacks " + missing);
    }
    Assembler assembler = new Assembler();
    ActivationRecord rec = ActivationRecord.of(layout);
    QuantiseCode.emit(assembler, rec);
    assembler.align(64);
    int copy = assembler.size();
    QuantiseCode.emitCopy(assembler, rec);
    int blocksAhead = Math.max(1, aheadBytes / layout.blockBytes());
    int[] products = new int[Int8GroupCode.MAX_ROWS];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      Int8GroupCode.emit(assembler, layout, rows, blocksAhead);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Unavailable(refused.reason());
      case CodeMemory.Loaded loaded ->
          new Ready(new Int8Functions(layout, blocksAhead, loaded.memory(), copy, products));
    };
  }

  TileLayout layout() {
    return layout;
  }

  ActivationRecord rec() {
    return rec;
  }

  /** Blocks from where a strip is read to where it is prefetched. */
  int blocksAhead() {
    return blocksAhead;
  }

  MemorySegment quantise() {
    return quantise;
  }

  MemorySegment copy() {
    return copy;
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
