package io.moka.kernels.cpu;

import io.moka.kernels.KvType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What each way of computing the products of attention must yield: the bits of the plain loops of
 * {@link SpanCase}, wherever the blocks lie, and nothing beside its results.
 */
public interface SpanContract {
  /** Odd numbers of pairs and of strips, last strips that are not full, those of real models. */
  int[] HEAD_DIMS = {2, 14, 16, 48, 80, 128};

  /** The products under test. */
  SpanProducts products();

  /** Every number of heads and blocks, at every order of blocks in memory. */
  @ParameterizedTest
  @EnumSource
  default void scoresAreChainsOverAscendingColumns(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim)) {
        oracle.checkScores(products());
      }
    }
  }

  /** Also: from blocks after the first of a table, and from memory that is not the cache's. */
  @ParameterizedTest
  @EnumSource
  default void sumsAreChainsOverAscendingPositions(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim)) {
        oracle.checkSums(products());
      }
    }
  }

  /** Exponentials, maxima and sums have the bits of plain loops over the scalar function. */
  @Test
  default void softmaxIsThatOfPlainLoops() {
    try (SpanCase oracle = new SpanCase(KvType.F32, 16)) {
      oracle.checkSoftmax(products());
    }
  }
}
