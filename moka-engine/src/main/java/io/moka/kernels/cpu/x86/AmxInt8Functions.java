package io.moka.kernels.cpu.x86;

import io.moka.kernels.cpu.x86.CpuFeatures.Feature;
import io.moka.weights.TileLayout;
import java.lang.foreign.MemorySegment;
import java.util.EnumSet;
import java.util.Set;

/**
 * The functions that multiply quantised weights of one layout by tiles, one for each number of rows
 * of the last panel. Owns their code; closed when no call is under way.
 *
 * @param layout of the weights
 * @param rec how rows lie in panels
 * @param memory holds the code
 * @param products for each number of rows
 */
record AmxInt8Functions(
    TileLayout layout, ActivationRecord rec, CodeMemory memory, MemorySegment[] products)
    implements AutoCloseable {
  /** What these need of the processor. */
  static final Set<Feature> NEEDED;

  static {
    NEEDED = EnumSet.copyOf(CpuFeatures.VNNI_512);
    NEEDED.add(Feature.AMX_INT8);
  }

  /**
   * Writes and loads the functions for a layout, if this processor can run them. The process must
   * have the permission to use tiles ({@link TilePermission}).
   */
  static Availability<AmxInt8Functions> load(TileLayout layout, CpuFeatures features) {
    String missing = features.missing(NEEDED);
    if (!missing.isEmpty()) {
      return new Availability.Unavailable<>("the processor or the system lacks " + missing);
    }
    if (!AmxInt8Code.supports(layout)) {
      return new Availability.Unavailable<>("scales of 16 columns leave tiles nothing to gain");
    }
    Assembler assembler = new Assembler();
    int[] products = new int[GroupCode.MAX_ROWS];
    for (int rows = 1; rows <= products.length; rows++) {
      assembler.align(64);
      products[rows - 1] = assembler.size();
      AmxInt8Code.emit(assembler, layout, rows);
    }
    return switch (CodeMemory.load(assembler.toBytes())) {
      case CodeMemory.Refused refused -> new Availability.Unavailable<>(refused.reason());
      case CodeMemory.Loaded(CodeMemory memory) ->
          new Availability.Ready<>(
              new AmxInt8Functions(
                  layout, ActivationRecord.of(layout), memory, memory.entries(products)));
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
