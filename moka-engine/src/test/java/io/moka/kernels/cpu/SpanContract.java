package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.moka.kernels.Activations;
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

  /**
   * The products under test.
   *
   * @param activations how queries and probabilities are taken
   */
  SpanProducts products(Activations activations);

  /** Every number of heads and blocks, at every order of blocks in memory. */
  @ParameterizedTest
  @EnumSource
  default void scoresAreChainsOverAscendingColumns(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim, Activations.EXACT)) {
        oracle.checkScores(products(Activations.EXACT));
      }
    }
  }

  /** Odd before even, two roundings for each pair. */
  @ParameterizedTest
  @EnumSource
  default void scoresOfRoundedQueriesAreChainsOverPairs(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim, Activations.BF16)) {
        oracle.checkScores(products(Activations.BF16));
      }
    }
  }

  /** Also: from blocks after the first of a table, and from memory that is not the cache's. */
  @ParameterizedTest
  @EnumSource
  default void sumsAreChainsOverAscendingPositions(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim, Activations.EXACT)) {
        oracle.checkSums(products(Activations.EXACT));
      }
    }
  }

  /** Odd before even, two roundings for each pair. */
  @ParameterizedTest
  @EnumSource
  default void sumsOfRoundedProbabilitiesAreChainsOverPairs(KvType type) {
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim, Activations.BF16)) {
        oracle.checkSums(products(Activations.BF16));
      }
    }
  }

  /** What is widened is what was stored, bit for bit, and nothing beside it is written. */
  @ParameterizedTest
  @EnumSource
  default void widenedBlocksHoldWhatWasStored(KvType type) {
    SpanProducts products = products(Activations.EXACT);
    for (int headDim : HEAD_DIMS) {
      try (SpanCase oracle = new SpanCase(type, headDim, Activations.EXACT)) {
        if (products.widens(type)) {
          oracle.checkWidening(products);
        } else {
          assertThatIllegalArgumentException()
              .isThrownBy(() -> oracle.checkWidening(products))
              .withMessageContaining("is read as it lies");
        }
      }
    }
  }

  /** Exponentials, maxima and sums have the bits of plain loops over the scalar function. */
  @Test
  default void softmaxIsThatOfPlainLoops() {
    try (SpanCase oracle = new SpanCase(KvType.F32, 16, Activations.EXACT)) {
      oracle.checkSoftmax(products(Activations.EXACT));
    }
  }
}
