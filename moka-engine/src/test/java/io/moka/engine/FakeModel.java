package io.moka.engine;

import io.moka.kernels.KvCache;
import io.moka.kernels.Rows;
import io.moka.model.Batch;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.BooleanSupplier;

/**
 * A model whose next token follows from all tokens before, read back from the cache: a block lost,
 * shared or read too early changes what it says.
 */
final class FakeModel implements Forward {
  private final int vocabulary;
  private final int[] cache;
  private final Rows logits;
  private int[] next = new int[0];
  private Runnable afterStep = () -> {};
  private Runnable betweenLayers = () -> {};
  int steps;
  int stopped;
  int mostRows;
  int mostSampled;

  FakeModel(int vocabulary, int blocks) {
    this.vocabulary = vocabulary;
    this.cache = new int[blocks * KvCache.BLOCK_TOKENS];
    this.logits = Rows.allocate(Arena.ofAuto(), 64, vocabulary);
  }

  void afterStep(Runnable action) {
    afterStep = action;
  }

  void betweenLayers(Runnable action) {
    betweenLayers = action;
  }

  @Override
  public int vocabSize() {
    return vocabulary;
  }

  @Override
  public boolean run(Batch batch, BooleanSupplier unwanted) {
    steps++;
    betweenLayers.run();
    if (unwanted.getAsBoolean()) {
      stopped++;
      return false;
    }
    mostRows = Math.max(mostRows, batch.rows());
    mostSampled = Math.max(mostSampled, batch.wanted());
    for (int row = 0; row < batch.rows(); row++) {
      cache[slot(batch, row, batch.position(row))] = batch.ids()[row];
    }
    next = new int[batch.wanted()];
    for (int i = 0; i < next.length; i++) {
      int row = batch.wantedRow(i);
      int[] seen = new int[batch.position(row) + 1];
      for (int position = 0; position < seen.length; position++) {
        seen[position] = cache[slot(batch, row, position)];
      }
      next[i] = hash(seen);
    }
    afterStep.run();
    return true;
  }

  private static int slot(Batch batch, int row, int position) {
    return batch.block(row, position / KvCache.BLOCK_TOKENS) * KvCache.BLOCK_TOKENS
        + position % KvCache.BLOCK_TOKENS;
  }

  private static int hash(int[] seen) {
    return Arrays.hashCode(seen) * 0x9e3779b1;
  }

  @Override
  public Rows logits(int first, int count) {
    for (int row = 0; row < count; row++) {
      float[] values = logits(next[first + row]);
      for (int id = 0; id < vocabulary; id++) {
        logits.set(row, id, values[id]);
      }
    }
    return logits;
  }

  private float[] logits(int hash) {
    Random random = new Random(hash);
    float[] values = new float[vocabulary];
    for (int id = 0; id < vocabulary; id++) {
      values[id] = (float) random.nextGaussian();
    }
    return values;
  }

  /** The logits after some tokens, computed without any cache. */
  float[] logitsAfter(List<Integer> seen) {
    return logits(hash(seen.stream().mapToInt(id -> id).toArray()));
  }

  /** The best token after some tokens. */
  int bestAfter(List<Integer> seen) {
    float[] values = logitsAfter(seen);
    int best = 0;
    for (int id = 1; id < vocabulary; id++) {
      best = values[id] > values[best] ? id : best;
    }
    return best;
  }
}
