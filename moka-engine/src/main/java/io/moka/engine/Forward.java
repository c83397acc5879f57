package io.moka.engine;

import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import java.util.function.BooleanSupplier;

/**
 * What the engine needs of a model: a forward pass over a cache that belongs to it. So the step
 * loop can be tested without weights.
 */
public interface Forward {
  /**
   * The model's vocabulary.
   *
   * @return V
   */
  int vocabSize();

  /**
   * Runs a batch, unless nobody wants the results any more.
   *
   * @param batch the new tokens
   * @param unwanted asked after each layer
   * @return whether it ran to the end; otherwise there are no logits, and its sequences cannot go
   *     on
   */
  boolean run(Batch batch, BooleanSupplier unwanted);

  /**
   * Logits of rows of the last batch; valid until the next call.
   *
   * @param first the first, counted among the wanted rows
   * @param count how many, at most {@link Transformer#MAX_LOGIT_ROWS}
   * @return [count, V]
   * @throws io.moka.NumericalException when one is NaN or infinite
   */
  Rows logits(int first, int count);

  /**
   * A model with a cache; the caller owns both.
   *
   * @param model the model
   * @param cache its cache
   * @return both as one
   */
  static Forward of(Transformer model, KvCache cache) {
    return new Forward() {
      @Override
      public int vocabSize() {
        return model.config().vocabSize();
      }

      @Override
      public boolean run(Batch batch, BooleanSupplier unwanted) {
        return model.forward(batch, cache, unwanted);
      }

      @Override
      public Rows logits(int first, int count) {
        return model.logits(first, count);
      }
    };
  }
}
