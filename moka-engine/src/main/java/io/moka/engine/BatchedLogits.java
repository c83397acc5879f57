package io.moka.engine;

import io.moka.RequestException;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Logits of a text whose forward passes other texts share, whole or in chunks: what is asked to see
 * that neither company nor chunks change a bit of them. The others differ from the text, and from
 * each other, in ids and length.
 */
public final class BatchedLogits {
  private final Transformer model;
  private final KvType kvType;
  private final List<Text> texts = new ArrayList<>();
  private final Batch batch = new Batch();
  private int blocks;

  /** Takes the logits of one position. */
  @FunctionalInterface
  public interface RowConsumer {
    /**
     * Takes a row; it is valid until the call returns.
     *
     * @param logits [rows, V]
     * @param row which row of them
     */
    void accept(Rows logits, int row);
  }

  /** Hears of each forward pass before it runs. */
  @FunctionalInterface
  public interface StepListener {
    /**
     * A pass is about to run.
     *
     * @param sequences texts that have rows in it
     * @param rows of all of them
     * @param ownRows of the text asked for
     */
    void onStep(int sequences, int rows, int ownRows);
  }

  /** Ids and where in the cache they go: blocks in a row. */
  private record Text(int[] ids, int firstBlock) {}

  /**
   * Prepares the passes.
   *
   * @param model the model
   * @param kvType how the cache stores keys and values
   * @param ids the text, at least one token
   * @param sequences texts in a pass, the one asked for included; at least 1
   * @throws RequestException when the text is empty or too long, or a number is out of its range
   */
  public BatchedLogits(Transformer model, KvType kvType, int[] ids, int sequences) {
    this.model = model;
    this.kvType = kvType;
    int context = model.config().maxPositionEmbeddings();
    if (ids.length < 1 || ids.length > context) {
      throw new RequestException(
          "The text has " + ids.length + " tokens; expected 1 to " + context + ", the context");
    }
    if (sequences < 1) {
      throw new RequestException("The batch must hold at least 1 sequence, not " + sequences);
    }
    for (int other = 1; other < sequences; other++) {
      add(company(other, ids.length, context));
    }
    add(ids.clone());
  }

  private void add(int[] ids) {
    texts.add(new Text(ids, blocks));
    blocks = Math.addExact(blocks, Sequence.blocksFor(ids.length));
  }

  private int[] company(int number, int ownLength, int context) {
    SplittableRandom random = new SplittableRandom(number);
    int length = random.nextInt(1, Math.min(context, 2 * ownLength + 16) + 1);
    if (length == ownLength) {
      length = ownLength == 1 ? Math.min(2, context) : ownLength - 1;
    }
    return random.ints(length, 0, model.config().vocabSize()).toArray();
  }

  /**
   * Runs the passes. The text asked for is the last of each.
   *
   * @param chunk the most tokens that a text brings to a pass, at least 1
   * @param listener hears of each pass
   * @param consumer takes the logits of each of the text's tokens, in order
   * @throws RequestException when the chunk is out of its range, or memory does not hold the texts
   * @throws io.moka.NumericalException when the model yields no usable numbers
   */
  public void run(int chunk, StepListener listener, RowConsumer consumer) {
    if (chunk < 1) {
      throw new RequestException("A chunk must have at least 1 token, not " + chunk);
    }
    CachePlan.requireRoom(model.config(), kvType, blocks, FreeMemory.bytes());
    Text own = texts.getLast();
    try (KvCache cache = model.newCache(kvType, blocks)) {
      for (long from = 0; from < own.ids().length; from += chunk) {
        int company = fill((int) from, chunk);
        int ownRows = batch.wanted() - company;
        listener.onStep(company + 1, batch.rows(), ownRows);
        model.forward(batch, cache);
        publish(company, consumer);
      }
    }
  }

  /** Fills the batch; returns how many texts share it with the one asked for. */
  private int fill(int from, int chunk) {
    batch.clear();
    int present = 0;
    for (Text text : texts) {
      int count = Math.min(chunk, text.ids().length - from);
      if (count > 0) {
        Batch.Logits logits = text == texts.getLast() ? Batch.Logits.ALL : Batch.Logits.LAST;
        batch.add(text.ids(), from, count, from, index -> text.firstBlock() + index, logits);
        present++;
      }
    }
    return present - 1;
  }

  private void publish(int firstOwn, RowConsumer consumer) {
    for (int first = firstOwn; first < batch.wanted(); first += Transformer.MAX_LOGIT_ROWS) {
      int count = Math.min(Transformer.MAX_LOGIT_ROWS, batch.wanted() - first);
      Rows logits = model.logits(first, count);
      for (int row = 0; row < count; row++) {
        consumer.accept(logits, row);
      }
    }
  }
}
