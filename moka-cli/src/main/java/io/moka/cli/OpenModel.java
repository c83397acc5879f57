package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.kernels.Kernels;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import java.util.function.DoubleConsumer;

/**
 * A loaded model and the kernels that compute it.
 *
 * @param kernels what computes
 * @param transformer its weights
 */
record OpenModel(Kernels kernels, Transformer transformer) implements AutoCloseable {

  /** Loads the weights and takes over the kernels, also where loading fails. */
  static OpenModel load(
      Checkpoint checkpoint, Kernels kernels, TransformerOptions options, DoubleConsumer progress) {
    try {
      return new OpenModel(kernels, Transformer.load(checkpoint, kernels, options, progress));
    } catch (Throwable e) {
      kernels.close();
      throw e;
    }
  }

  @Override
  public void close() {
    transformer.close();
    kernels.close();
  }
}
