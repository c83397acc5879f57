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
  private final CodeMemory memory;
  private final MemorySegment quantise;
  private final MemorySegment[] products;

  private Int8Functions(TileLayout layout, CodeMemory memory, int quantise, int[] products) {
    this.layout = layout;
    this.rec = ActivationRecord.of(layout);
    this.memory = memory;
    this.quantise = memory.entry(quantise);
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
    int quantise = assembler.size();
    QuantiseCode.emit(assembler, ActivationRecord.of(layout));
    int[] products = new int[Int8GroupCode.MAX_ROWS];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      Int8GroupCode.emit(assembler, layout, rows, aheadBytes);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Unavailable(refused.reason());
      case CodeMemory.Loaded loaded ->
          new Ready(new Int8Functions(layout, loaded.memory(), quantise, products));
    };
  }

  TileLayout layout() {
    return layout;
  }

  ActivationRecord rec() {
    return rec;
  }

  MemorySegment quantise() {
    return quantise;
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
