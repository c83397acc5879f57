package io.moka.model;

import io.moka.weights.PackedMatrix;
import java.lang.foreign.MemorySegment;

/** Where a model takes its weights from, in the kernels' layout; closed when it has all. */
sealed interface ModelWeights extends AutoCloseable permits WeightLoader, MappedWeights {
  /** The weights of a layer. */
  LayerWeights layer(int layer);

  /** The weights of the last norm, D floats. */
  MemorySegment finalNorm();

  /** [V, D]. */
  PackedMatrix head();

  @Override
  void close();
}
