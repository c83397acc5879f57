package io.moka.engine;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelConfig.Moe;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.model.Batch;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import java.lang.System.Logger.Level;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;

/**
 * Runs a tiny random model of the same build while a real one is loaded, so that the JVM has
 * compiled the small kernels when the first request comes: before that, each operation on a vector
 * costs about a hundred times as much, and the first 64 tokens take three times as long. One thread
 * beside those that load.
 */
public final class WarmUp implements AutoCloseable {
  private static final System.Logger LOG = System.getLogger(WarmUp.class.getName());

  /** Enough for the second compiler, which counts calls and rounds of loops. */
  private static final int STEPS = 3_000;

  /** Steps from a span of attention to the next, and over. */
  private static final int POSITIONS = Kernels.SPAN_TOKENS + 64;

  /** Every so many steps one has several rows, as prompts do. */
  private static final int PROMPT_EVERY = 16;

  /** More than those that have products of their own. */
  private static final int PROMPT_ROWS = 20;

  private static final int VOCABULARY = 256;
  private static final int WIDTH = 256;
  private static final int MOST_HEADS = 8;
  private static final int EXPERTS = 16;

  /** A model that takes about as long to load as the JVM to compile. */
  private static final long LEAST_BYTES = 1L << 30;

  private final ModelConfig config;
  private final Quantisation quantisation;
  private final KernelChoice kernels;
  private final Activations activations;
  private final KvType type;
  private final Thread thread = new Thread(this::run, "moka-warm-up");
  private volatile boolean closed;
  private volatile int steps;

  private WarmUp(
      ModelConfig config,
      Quantisation quantisation,
      KernelChoice kernels,
      Activations activations,
      KvType type) {
    this.config = config;
    this.quantisation = quantisation;
    this.kernels = kernels;
    this.activations = activations;
    this.type = type;
    thread.setDaemon(true);
  }

  /**
   * Begins, unless the model is loaded too soon for it. Never fails: loading goes on without it.
   *
   * @param checkpoint the model that is loaded
   * @param kernels what will compute it
   * @param activations how precisely
   * @param type of its cache
   * @return to be closed when the model is loaded
   */
  public static WarmUp start(
      Checkpoint checkpoint, KernelChoice kernels, Activations activations, KvType type) {
    ModelConfig config = checkpoint.config();
    Quantisation quantisation =
        ModelTensors.areQuantised(checkpoint) ? Quantisation.Q4 : Quantisation.KEEP;
    WarmUp warmUp = new WarmUp(tiny(config), quantisation, kernels, activations, type);
    if (takesLong(checkpoint) && kernels != KernelChoice.REFERENCE) {
      try {
        warmUp.thread.start();
      } catch (OutOfMemoryError e) {
        LOG.log(Level.DEBUG, "no warm-up: the system has no thread for it", e);
      }
    }
    return warmUp;
  }

  /** A packed file is mapped in less time than warming takes. */
  private static boolean takesLong(Checkpoint checkpoint) {
    return checkpoint.packed().isEmpty() && ModelTensors.bytes(checkpoint) >= LEAST_BYTES;
  }

  /** Steps that were taken. */
  int steps() {
    return steps;
  }

  private static ModelConfig tiny(ModelConfig config) {
    int group = Math.min(MOST_HEADS, config.numAttentionHeads() / config.numKeyValueHeads());
    Moe moe = config.moe();
    int topK = Math.min(EXPERTS, moe.numExpertsPerTok());
    return new ModelConfig(
        config.modelType(),
        VOCABULARY,
        WIDTH,
        WIDTH,
        1,
        group,
        1,
        config.headDim(),
        config.rmsNormEps(),
        config.hiddenAct(),
        Math.max(config.maxPositionEmbeddings(), POSITIONS),
        config.attentionBias(),
        config.qkNorm(),
        config.slidingWindow(),
        config.rope(),
        new Moe(EXPERTS, topK, WIDTH, moe.normTopkProb()),
        Collections.nCopies(1, true),
        config.tieWordEmbeddings(),
        OptionalInt.empty(),
        List.of());
  }

  private void run() {
    long start = System.nanoTime();
    try (RandomCheckpoint random = RandomCheckpoint.of(config, 1);
        QuantisedCheckpoint checkpoint = QuantisedCheckpoint.of(random, quantisation);
        Kernels own = kernels.open(1, activations);
        Transformer model =
            Transformer.load(checkpoint, own, TransformerOptions.DEFAULT, share -> {});
        KvCache cache = model.newCache(type, Math.ceilDiv(POSITIONS, KvCache.BLOCK_TOKENS))) {
      Batch batch = new Batch();
      int[] ids = new int[PROMPT_ROWS];
      for (int step = 0; step < STEPS && !closed; step++) {
        int rows = step % PROMPT_EVERY == 0 ? PROMPT_ROWS : 1;
        Arrays.setAll(ids, row -> ids[row] + 1 & VOCABULARY - 1);
        batch.clear();
        batch.add(ids, 0, rows, step % (POSITIONS - rows), index -> index, Batch.Logits.LAST);
        model.forward(batch, cache);
        model.logits(0, 1);
        steps = step + 1;
      }
    } catch (RuntimeException | Error e) {
      // nobody asked for it, so nobody need hear of it
      LOG.log(Level.DEBUG, "no warm-up", e);
    }
    long millis = (System.nanoTime() - start) / 1_000_000;
    LOG.log(Level.DEBUG, "warm-up: {0} steps in {1} ms", steps, millis);
  }

  /** Lets it end after its present step; what it has not reached, the first requests do. */
  @Override
  public void close() {
    closed = true;
  }

  /** Waits until it has ended. */
  void await() throws InterruptedException {
    thread.join();
  }

  /** Waits a while; tells whether it has ended. */
  boolean endsWithin(Duration time) throws InterruptedException {
    return thread.join(time);
  }
}
