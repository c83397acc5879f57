package io.moka.engine;

import io.moka.RequestException;
import io.moka.checkpoint.ModelConfig;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.model.Batch;
import io.moka.model.ForwardListener;
import io.moka.model.Transformer;
import io.moka.moe.RoutingStats;
import java.util.BitSet;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Times a model: prefill of one prompt of random tokens from an empty cache, then decode of some
 * sequences at once, each of which is fed the tokens that its logits choose. One owner, one thread.
 */
public final class Benchmark {
  private static final long SEED = 42;

  private final Transformer model;
  private final Plan plan;
  private final Batch batch = new Batch();
  private final ExpertCount experts;

  /**
   * What to run.
   *
   * @param prompt tokens of the prompt; 0 for no prefill
   * @param decode steps; 0 for no decode
   * @param runs measured runs, after one that is not
   * @param parallel sequences in a decode step
   * @param context positions that the cache of each sequence already holds when decode begins
   */
  public record Plan(int prompt, int decode, int runs, int parallel, int context) {}

  /**
   * One run.
   *
   * @param run from 1
   * @param plan what was run
   * @param prefillSeconds time of the prompt, its logits included
   * @param decodeSeconds time of all steps
   * @param expertsPerLayer different experts that a decode step used, averaged over layers and
   *     steps
   */
  public record Run(
      int run, Plan plan, double prefillSeconds, double decodeSeconds, double expertsPerLayer) {}

  /**
   * A benchmark of a model.
   *
   * @param model what to time; its listener is taken over
   * @param plan what to run
   */
  public Benchmark(Transformer model, Plan plan) {
    this.model = model;
    this.plan = plan;
    ModelConfig config = model.config();
    this.experts =
        new ExpertCount(new RoutingStats(config.numHiddenLayers(), config.moe().numExperts()));
    model.listen(experts);
  }

  /**
   * Runs everything; the first, unmeasured run warms the code and touches the memory.
   *
   * @param type how keys and values are stored
   * @param finished told each measured run
   * @throws RequestException when memory does not hold the texts
   */
  public void run(KvType type, Consumer<Run> finished) {
    long length = Math.max(plan.prompt(), (long) plan.context() + plan.decode() + 1);
    int blocksEach = (int) (length / KvCache.BLOCK_TOKENS) + 1;
    long blocks = (long) blocksEach * plan.parallel();
    CachePlan.requireRoom(model.config(), type, blocks, FreeMemory.bytes());
    try (KvCache cache = model.newCache(type, (int) blocks)) {
      int[][] tokens = fillContext(cache, blocksEach);
      for (int run = 0; run <= plan.runs(); run++) {
        // decode first: a prefill overwrites the first sequence's cache
        double decode = plan.decode() == 0 ? 0 : decode(cache, blocksEach, tokens);
        double expertsPerLayer = experts.average();
        double prefill = plan.prompt() == 0 ? 0 : prefill(cache, run);
        if (run > 0) {
          finished.accept(new Run(run, plan, prefill, decode, expertsPerLayer));
        }
        if (plan.context() > 0 && plan.prompt() > 0 && run < plan.runs()) {
          tokens = fillContext(cache, blocksEach);
        }
      }
    }
  }

  /**
   * How evenly the experts were used, over all runs, prefill and decode.
   *
   * @return counts of each layer
   */
  public RoutingStats routing() {
    return experts.stats;
  }

  /** Fills each sequence's cache; returns the token that each decodes first. */
  private int[][] fillContext(KvCache cache, int blocksEach) {
    int[][] last = new int[plan.parallel()][1];
    for (int sequence = 0; sequence < plan.parallel(); sequence++) {
      int[] ids = randomIds(plan.context() + 1, sequence);
      int first = sequence * blocksEach;
      for (int from = 0; from < plan.context(); from += EngineState.DEFAULT_CHUNK_ROWS) {
        int count = Math.min(EngineState.DEFAULT_CHUNK_ROWS, plan.context() - from);
        batch.clear();
        batch.add(ids, from, count, from, index -> first + index, Batch.Logits.NONE);
        model.forward(batch, cache);
      }
      last[sequence][0] = ids[plan.context()];
    }
    return last;
  }

  private double prefill(KvCache cache, int run) {
    int[] ids = randomIds(plan.prompt(), -1 - run);
    long start = System.nanoTime();
    for (int from = 0; from < ids.length; from += EngineState.DEFAULT_CHUNK_ROWS) {
      int count = Math.min(EngineState.DEFAULT_CHUNK_ROWS, ids.length - from);
      boolean end = from + count == ids.length;
      batch.clear();
      batch.add(
          ids, from, count, from, index -> index, end ? Batch.Logits.LAST : Batch.Logits.NONE);
      model.forward(batch, cache);
    }
    model.logits(0, 1);
    return (System.nanoTime() - start) * 1e-9;
  }

  private double decode(KvCache cache, int blocksEach, int[][] firstTokens) {
    int[][] tokens = new int[plan.parallel()][];
    Batch.BlockTable[] tables = new Batch.BlockTable[plan.parallel()];
    for (int sequence = 0; sequence < tokens.length; sequence++) {
      tokens[sequence] = firstTokens[sequence].clone();
      int first = sequence * blocksEach;
      tables[sequence] = index -> first + index;
    }
    experts.clear();
    long start = System.nanoTime();
    for (int step = 0; step < plan.decode(); step++) {
      batch.clear();
      for (int sequence = 0; sequence < tokens.length; sequence++) {
        batch.add(
            tokens[sequence], 0, 1, plan.context() + step, tables[sequence], Batch.Logits.LAST);
      }
      model.forward(batch, cache);
      chooseTokens(tokens);
    }
    return (System.nanoTime() - start) * 1e-9;
  }

  private void chooseTokens(int[][] tokens) {
    for (int first = 0; first < tokens.length; first += Transformer.MAX_LOGIT_ROWS) {
      int count = Math.min(Transformer.MAX_LOGIT_ROWS, tokens.length - first);
      Rows logits = model.logits(first, count);
      for (int i = 0; i < count; i++) {
        tokens[first + i][0] = argmax(logits, i);
      }
    }
  }

  private static int argmax(Rows logits, int row) {
    int best = 0;
    for (int id = 1; id < logits.columns(); id++) {
      if (logits.get(row, id) > logits.get(row, best)) {
        best = id;
      }
    }
    return best;
  }

  private int[] randomIds(int count, int stream) {
    ModelConfig config = model.config();
    SplittableRandom random = new SplittableRandom(SEED + stream);
    return random.ints(count, 0, config.vocabSize()).toArray();
  }

  /** Counts the different experts of each step and layer. */
  private static final class ExpertCount implements ForwardListener {
    private final RoutingStats stats;
    private final BitSet seen = new BitSet();
    private long sum;
    private long layers;

    ExpertCount(RoutingStats stats) {
      this.stats = stats;
    }

    @Override
    public void routed(int layer, int rows, Rows logits, RouterResult routing) {
      seen.clear();
      for (int row = 0; row < rows; row++) {
        for (int rank = 0; rank < routing.topK(); rank++) {
          seen.set(routing.expert(row, rank));
        }
      }
      stats.record(layer, routing, rows);
      sum += seen.cardinality();
      layers++;
    }

    void clear() {
      sum = 0;
      layers = 0;
    }

    double average() {
      return layers == 0 ? 0 : (double) sum / layers;
    }
  }
}
