package io.moka.model;

import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import java.util.Arrays;

/** Runs a model on ids, for tests. */
final class Forward {
  private Forward() {}

  /** Logits at every position, the prompt taken in chunks. */
  static float[] logits(Transformer model, KvCache cache, int[] ids, int chunk) {
    float[] all = new float[ids.length * model.config().vocabSize()];
    Batch batch = new Batch();
    for (int from = 0; from < ids.length; from += chunk) {
      int count = Math.min(chunk, ids.length - from);
      batch.clear();
      batch.add(ids, from, count, from, index -> index, Batch.Logits.ALL);
      model.forward(batch, cache);
      collect(model, batch, all, from);
    }
    return all;
  }

  /** Logits of ids that stand last in a batch with others of other lengths. */
  static float[] logitsInCompany(Transformer model, KvCache cache, int[] ids, int sequences) {
    Batch batch = new Batch();
    int blocks = ids.length / KvCache.BLOCK_TOKENS + 2;
    for (int other = 1; other < sequences; other++) {
      int[] ours = Arrays.copyOf(ids, Math.max(1, ids.length - 3 * other));
      for (int i = 0; i < ours.length; i++) {
        ours[i] = (ours[i] + other) % model.config().vocabSize();
      }
      int first = other * blocks;
      batch.add(ours, 0, ours.length, 0, index -> first + index, Batch.Logits.LAST);
    }
    // blocks in descending order: the table decides, not the memory
    batch.add(ids, 0, ids.length, 0, index -> blocks - 1 - index, Batch.Logits.ALL);
    model.forward(batch, cache);
    float[] all = new float[batch.wanted() * model.config().vocabSize()];
    collect(model, batch, all, 0);
    return Arrays.copyOfRange(
        all, all.length - ids.length * model.config().vocabSize(), all.length);
  }

  /** The ids that argmax appends, one decode step after the other. */
  static int[] greedy(Transformer model, KvCache cache, int[] prompt, int count) {
    int[] ids = Arrays.copyOf(prompt, prompt.length + count);
    Batch batch = new Batch();
    for (int length = prompt.length; length < ids.length; length++) {
      int from = length == prompt.length ? 0 : length - 1;
      batch.clear();
      batch.add(ids, from, length - from, from, index -> index, Batch.Logits.LAST);
      model.forward(batch, cache);
      ids[length] = argmax(model.logits(0, 1));
    }
    return Arrays.copyOfRange(ids, prompt.length, ids.length);
  }

  static float[] copy(Rows rows, int count) {
    float[] copy = new float[count * rows.columns()];
    for (int i = 0; i < copy.length; i++) {
      copy[i] = rows.get(i / rows.columns(), i % rows.columns());
    }
    return copy;
  }

  private static void collect(Transformer model, Batch batch, float[] all, int firstRow) {
    int vocabulary = model.config().vocabSize();
    for (int first = 0; first < batch.wanted(); first += Transformer.MAX_LOGIT_ROWS) {
      int count = Math.min(Transformer.MAX_LOGIT_ROWS, batch.wanted() - first);
      float[] part = copy(model.logits(first, count), count);
      System.arraycopy(part, 0, all, (firstRow + first) * vocabulary, part.length);
    }
  }

  private static int argmax(Rows logits) {
    int best = 0;
    for (int id = 1; id < logits.columns(); id++) {
      if (logits.get(0, id) > logits.get(0, best)) {
        best = id;
      }
    }
    return best;
  }
}
