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
import java.util.Arrays;
import java.util.BitSet;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * Times a model on random tokens: prefill of one prompt from an empty cache, and decode of some
 * sequences at once. Every row has a token of its own: equal tokens would go to the same experts,
 * and a step would read too little. One owner, one thread.
 */
public final class Benchmark implements AutoCloseable {
  private static final long SEED = 42;
  private static final int CHUNK = EngineState.DEFAULT_CHUNK_ROWS;

  private final Transformer model;
  private final KvType type;
  private final SplittableRandom random = new SplittableRandom(SEED);
  private final Batch batch = new Batch();
  private final ExpertCount experts;
  private Optional<KvCache> cache = Optional.empty();
  private Layout filled = Layout.NOTHING;

  /**
   * What to run.
   *
   * @param prompt tokens of the prompt; 0 for no prefill
   * @param decode steps; 0 for no decode
   * @param runs measured runs, after one that is not
   * @param parallel sequences in a decode step
   * @param context positions that the cache of each sequence already holds when decode begins
   */
  public record Plan(int prompt, int decode, int runs, int parallel, int context) {
    private long length() {
      return Math.max(prompt, (long) context + decode);
    }

    private long blocks() {
      return parallel * Benchmark.blocks(length());
    }
  }

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

  /** What the cache holds: sequence s has {@code blocksEach} blocks, in a row. */
  private record Layout(int sequences, int blocksEach, int context) {
    static final Layout NOTHING = new Layout(0, 0, 0);

    Batch.BlockTable table(int sequence) {
      int first = sequence * blocksEach;
      return index -> first + index;
    }
  }

  /**
   * A benchmark of a model.
   *
   * @param model what to time; its listener is taken over
   * @param type how keys and values are stored
   */
  public Benchmark(Transformer model, KvType type) {
    this.model = model;
    this.type = type;
    ModelConfig config = model.config();
    this.experts =
        new ExpertCount(new RoutingStats(config.numHiddenLayers(), config.moe().numExperts()));
    model.listen(experts);
  }

  /**
   * Checks that a model knows texts as long as a plan's, and that memory holds them; for before it
   * is loaded.
   *
   * @param config the model
   * @param type how keys and values are stored
   * @param plan what to run
   * @throws RequestException when it cannot be run
   */
  public static void check(ModelConfig config, KvType type, Plan plan) {
    int longest = config.maxPositionEmbeddings();
    if (plan.context() < 0 || plan.context() > longest) {
      throw new RequestException(
          "The context length must be from 1 to the model's "
              + longest
              + ", not "
              + plan.context());
    }
    if (plan.length() > longest) {
      throw new RequestException(
          "A prompt of %d tokens, or %d of context and %d decode steps, are more than the model's %d"
              .formatted(plan.prompt(), plan.context(), plan.decode(), longest));
    }
    CachePlan.requireRoom(config, type, plan.blocks(), FreeMemory.bytes());
  }

  /**
   * Runs everything; the first, unmeasured run warms the code and touches the memory.
   *
   * @param plan what to run
   * @param finished told each measured run
   * @throws RequestException when memory does not hold the texts
   */
  public void run(Plan plan, Consumer<Run> finished) {
    requireCache(plan.blocks());
    for (int run = 0; run <= plan.runs(); run++) {
      long decode =
          plan.decode() == 0
              ? 0
              : Arrays.stream(decode(plan.decode(), plan.parallel(), plan.context())).sum();
      double expertsPerLayer = expertsPerLayer();
      long prefill = plan.prompt() == 0 ? 0 : prefill(plan.prompt());
      if (run > 0) {
        finished.accept(new Run(run, plan, prefill * 1e-9, decode * 1e-9, expertsPerLayer));
      }
    }
  }

  /**
   * Runs a prompt of random tokens from an empty cache, in chunks, up to its last row's logits.
   *
   * @param tokens its length, at least 1
   * @return nanoseconds
   * @throws RequestException when memory does not hold it
   */
  public long prefill(int tokens) {
    KvCache keys = requireCache(blocks(tokens));
    filled = Layout.NOTHING;
    int[] ids = random.ints(tokens, 0, model.config().vocabSize()).toArray();
    long start = System.nanoTime();
    for (int from = 0; from < ids.length; from += CHUNK) {
      int count = Math.min(CHUNK, ids.length - from);
      boolean end = from + count == ids.length;
      batch.clear();
      batch.add(
          ids, from, count, from, index -> index, end ? Batch.Logits.LAST : Batch.Logits.NONE);
      model.forward(batch, keys);
    }
    model.logits(0, 1);
    return System.nanoTime() - start;
  }

  /**
   * Decodes random tokens, one for each sequence and step, with their logits.
   *
   * @param steps how many
   * @param sequences rows of a step
   * @param context positions that the cache of each sequence holds before
   * @return nanoseconds of each step
   * @throws RequestException when memory does not hold the texts
   */
  public long[] decode(int steps, int sequences, int context) {
    long blocksEach = blocks((long) context + steps);
    KvCache keys = requireCache(sequences * blocksEach);
    Layout layout = new Layout(sequences, (int) blocksEach, context);
    if (context > 0 && !filled.equals(layout)) {
      fill(keys, layout);
    }
    experts.clear();
    int[] ids = new int[sequences];
    Batch.BlockTable[] tables = new Batch.BlockTable[sequences];
    Arrays.setAll(tables, layout::table);
    long[] nanos = new long[steps];
    for (int step = 0; step < steps; step++) {
      batch.clear();
      for (int sequence = 0; sequence < sequences; sequence++) {
        ids[sequence] = random.nextInt(model.config().vocabSize());
        batch.add(ids, sequence, 1, context + step, tables[sequence], Batch.Logits.LAST);
      }
      long start = System.nanoTime();
      model.forward(batch, keys);
      for (int first = 0; first < sequences; first += Transformer.MAX_LOGIT_ROWS) {
        model.logits(first, Math.min(Transformer.MAX_LOGIT_ROWS, sequences - first));
      }
      nanos[step] = System.nanoTime() - start;
    }
    filled = layout;
    return nanos;
  }

  /**
   * Different experts that a step of the last {@link #decode} used, averaged over layers and steps.
   *
   * @return the count; 0 before the first
   */
  public double expertsPerLayer() {
    return experts.average();
  }

  /**
   * How evenly the experts were used, over all runs, prefill and decode.
   *
   * @return counts of each layer
   */
  public RoutingStats routing() {
    return experts.stats;
  }

  /**
   * Fills the caches without computing every position, which would take minutes: one chunk is
   * computed, and its blocks are copied to the rest of every sequence. The keys are then rotated
   * for other positions than theirs, which changes no time.
   */
  private void fill(KvCache keys, Layout layout) {
    filled = Layout.NOTHING;
    int count = Math.min(CHUNK, layout.context());
    int[] ids = random.ints(count, 0, model.config().vocabSize()).toArray();
    batch.clear();
    batch.add(ids, 0, count, 0, layout.table(0), Batch.Logits.NONE);
    model.forward(batch, keys);
    int computed = count / KvCache.BLOCK_TOKENS;
    int used = Sequence.blocksFor(layout.context());
    for (int sequence = 0; sequence < layout.sequences(); sequence++) {
      for (int index = sequence == 0 ? Math.max(1, computed) : 0; index < used; index++) {
        int from = computed == 0 ? 0 : index % computed;
        keys.copyBlock(from, layout.table(sequence).block(index));
      }
    }
  }

  private static long blocks(long positions) {
    return (positions + KvCache.BLOCK_TOKENS - 1) / KvCache.BLOCK_TOKENS;
  }

  /** The cache, made anew where the present one is too small. */
  private KvCache requireCache(long blocks) {
    if (cache.isPresent() && cache.get().blocks() >= blocks) {
      return cache.get();
    }
    close();
    CachePlan.requireRoom(model.config(), type, blocks, FreeMemory.bytes());
    KvCache made = model.newCache(type, (int) blocks);
    cache = Optional.of(made);
    return made;
  }

  /** Frees the cache; the model stays its owner's. */
  @Override
  public void close() {
    cache.ifPresent(KvCache::close);
    cache = Optional.empty();
    filled = Layout.NOTHING;
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
