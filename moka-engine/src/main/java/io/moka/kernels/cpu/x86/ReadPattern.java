package io.moka.kernels.cpu.x86;

import io.moka.weights.TileLayout;

/**
 * How a product reads a group of weights from memory.
 *
 * @param strips how many strips at once, each a stream of its own: 1, 2 or 4
 * @param aheadBytes from where a strip is read to where it is prefetched; 0 leaves it to the
 *     processor
 */
record ReadPattern(int strips, int aheadBytes) {
  private static final int FAMILY_ZEN_4 = 0x19;
  private static final int FAMILY_ZEN_5 = 0x1A;
  private static final int AHEAD_BYTES = 3072;

  /** Where memory sets the pace of four streams: what is fetched earlier only waits. */
  private static final int NEAR_AHEAD_BYTES = 1536;

  /** From one piece into the next: a Zen 5 core then reads on while results are stored. */
  private static final int FAR_AHEAD_BYTES = 8192;

  /** Up to so many rows a product waits for memory and not for arithmetic. */
  private static final int FEW_ROWS = 2;

  /** Where nothing better is known: four streams fill the channels of most memories. */
  static final ReadPattern FOUR_STREAMS = new ReadPattern(4, AHEAD_BYTES);

  /** Where arithmetic takes longer than reading, the distance matters little. */
  static final ReadPattern TWO_STREAMS = new ReadPattern(2, AHEAD_BYTES);

  /**
   * What suits a processor. A Zen 4 follows one ascending stream a core at 33 GB/s and four at 16,
   * and is slowed by prefetches that it had already sent itself (one row of Q4_0, one thread: 17
   * GB/s by four prefetched streams, 26 by one that is not). Where arithmetic takes longer than
   * reading, prefetching pays (eight rows: 495 against 566 GFLOP/s). A Zen 5 reads super-blocks,
   * unpacked tile by tile, fastest in one stream, fetched far ahead (one sequence of Q4_K, by four:
   * 0.87), and single tiles in four, fetched a little ahead (16 sequences of Q4_0, against one
   * stream: 1.10; one sequence of Q8_0, against twice as far ahead: 1.03 to 1.07).
   *
   * @param features of the processor
   * @param layout of the weights
   * @param rows of the product
   */
  static ReadPattern ofInt8(CpuFeatures features, TileLayout layout, int rows) {
    return switch (features.family()) {
      case FAMILY_ZEN_4 -> new ReadPattern(1, rows <= FEW_ROWS ? 0 : AHEAD_BYTES);
      case FAMILY_ZEN_5 ->
          layout.blockTiles() == 1
              ? new ReadPattern(4, NEAR_AHEAD_BYTES)
              : new ReadPattern(1, FAR_AHEAD_BYTES);
      default -> FOUR_STREAMS;
    };
  }

  /**
   * As {@link #ofInt8}, for floats. A sum of floats is one chain of multiply-adds, each waiting for
   * the one before: with one strip a row would wait for arithmetic.
   *
   * @param features of the processor
   * @param rows of the product
   */
  static ReadPattern ofFloats(CpuFeatures features, int rows) {
    if (rows > FEW_ROWS) {
      return FOUR_STREAMS;
    }
    return switch (features.family()) {
      case FAMILY_ZEN_4 -> new ReadPattern(4, 0);
      case FAMILY_ZEN_5 -> new ReadPattern(4, NEAR_AHEAD_BYTES);
      default -> FOUR_STREAMS;
    };
  }

  /** Blocks that are prefetched ahead. */
  int blocksAhead(int blockBytes) {
    return aheadBytes == 0 ? 0 : Math.max(1, aheadBytes / blockBytes);
  }
}
