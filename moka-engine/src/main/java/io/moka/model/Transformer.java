package io.moka.model;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import java.util.function.DoubleConsumer;

/**
 * A loaded model: weights in the kernels' layout and the forward pass over them. One thread at a
 * time.
 */
public final class Transformer implements AutoCloseable {
  private final ModelConfig config;

  private Transformer(ModelConfig config) {
    this.config = config;
  }

  /**
   * Packs a checkpoint's weights, in parallel.
   *
   * @param checkpoint the files; they stay open as long as the model, for the embedding table
   * @param kernels what computes; owned by the caller
   * @param options the path through the experts
   * @param progress told the share done, from 0 to 1
   * @return the model
   */
  public static Transformer load(
      Checkpoint checkpoint, Kernels kernels, TransformerOptions options, DoubleConsumer progress) {
    throw new IllegalStateException("load");
  }

  /**
   * The architecture.
   *
   * @return as loaded
   */
  public ModelConfig config() {
    return config;
  }

  /**
   * A cache that fits this model; the caller owns it.
   *
   * @param type how keys and values are stored
   * @param blocks blocks of 16 positions
   * @return an empty cache
   */
  public KvCache newCache(KvType type, int blocks) {
    throw new IllegalStateException("newCache");
  }

  /**
   * Runs a batch: stores its keys and values, and keeps the final hidden states of the rows that
   * want logits.
   *
   * @param batch the new tokens; ids within the vocabulary
   * @param cache the cache its block tables point into
   */
  public void forward(Batch batch, KvCache cache) {
    throw new IllegalStateException("forward");
  }

  /**
   * Logits of rows of the last batch; valid until the next call.
   *
   * @param first the first, counted among the wanted rows
   * @param count how many, at most {@link #MAX_LOGIT_ROWS}
   * @return [count, V]
   * @throws io.moka.NumericalException when one is NaN or infinite
   */
  public Rows logits(int first, int count) {
    throw new IllegalStateException("logits");
  }

  /** How many rows of logits one call yields at most. */
  public static final int MAX_LOGIT_ROWS = 64;

  @Override
  public void close() {}
}
