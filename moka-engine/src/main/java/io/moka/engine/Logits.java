package io.moka.engine;

import io.moka.RequestException;
import io.moka.kernels.Rows;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import java.util.List;
import java.util.concurrent.CancellationException;

/** Runs texts through the model without generating, for every token's logits. */
public final class Logits {
  private final EngineState state;
  private final Cancellation cancellation;
  private final Batch batch = new Batch();

  /** Takes the logits of one position. */
  @FunctionalInterface
  public interface RowConsumer {
    /**
     * Takes a row; it is valid until the call returns.
     *
     * @param position the token's place in the text, whose logits foretell the next
     * @param logits [rows, V]
     * @param row which row of them
     */
    void accept(int position, Rows logits, int row);
  }

  /**
   * Creates the service; nobody ends it early.
   *
   * @param state what it works on; owned by the caller
   */
  public Logits(EngineState state) {
    this(state, new Cancellation());
  }

  /**
   * Creates the service.
   *
   * @param state what it works on; owned by the caller
   * @param cancellation ends it early
   */
  public Logits(EngineState state, Cancellation cancellation) {
    this.state = state;
    this.cancellation = cancellation;
  }

  /**
   * Runs a text from an empty cache.
   *
   * @param ids its tokens
   * @param consumer takes the logits of each, in order
   * @throws RequestException when the text is empty or longer than the context, or an id is not in
   *     the vocabulary
   * @throws io.moka.NumericalException when the model yields no usable numbers
   * @throws CancellationException when it was cancelled
   */
  public void forEach(List<Integer> ids, RowConsumer consumer) {
    if (ids.isEmpty()) {
      throw new RequestException("There is no token to compute logits of; give at least one");
    }
    Sequence sequence = new Sequence(state.checked(ids));
    try {
      checkCancelled();
      while (sequence.pending() > 0) {
        int from = sequence.length() - sequence.pending();
        batch.clear();
        int rows = Math.min(state.chunkRows(), sequence.pending());
        sequence.addTo(batch, rows, Batch.Logits.ALL, state.blocks());
        if (!state.forward().run(batch, cancellation::isCancelled)) {
          throw cancelled();
        }
        publish(from, consumer);
      }
    } finally {
      sequence.release(state.blocks());
    }
  }

  private void checkCancelled() {
    if (cancellation.isCancelled()) {
      throw cancelled();
    }
  }

  private static CancellationException cancelled() {
    return new CancellationException("computing logits was cancelled");
  }

  private void publish(int from, RowConsumer consumer) {
    for (int first = 0; first < batch.wanted(); first += Transformer.MAX_LOGIT_ROWS) {
      checkCancelled();
      int count = Math.min(Transformer.MAX_LOGIT_ROWS, batch.wanted() - first);
      Rows logits = state.forward().logits(first, count);
      for (int row = 0; row < count; row++) {
        consumer.accept(from + first + row, logits, row);
      }
    }
  }
}
