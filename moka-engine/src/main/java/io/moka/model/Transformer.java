package io.moka.model;

import io.moka.RequestException;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.kernels.AttentionShape;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Tensor;
import io.moka.weights.WeightArena;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.DoubleConsumer;

/**
 * A loaded model: weights in the kernels' layout and the forward pass over them. One thread at a
 * time. It owns the weights that it packed and its workspace; the checkpoint, for the embedding
 * table and for weights that it holds packed, and the kernels stay its caller's.
 */
public final class Transformer implements AutoCloseable {
  /** How many rows of logits one call yields at most. */
  public static final int MAX_LOGIT_ROWS = 64;

  /** Workspaces have a multiple of this many rows: batches that grow bit by bit replace few. */
  private static final int ROWS_STEP = 64;

  private final ModelConfig config;
  private final Kernels kernels;
  private final TransformerOptions options;
  private final Arena arena;
  private final Tensor embedding;
  private final List<LayerWeights> layers;
  private final MemorySegment finalNorm;
  private final PackedMatrix head;
  private final AttentionShape shape;
  private final RopeAngles rope;
  private final Rows logitRows;
  private final Rows logits;
  private final FiniteCheck finite;
  private final Kernels.IndexedBody fillAngles;
  private ForwardListener listener = ForwardListener.NONE;
  private Workspace space;

  /** Whether the last batch ran to its end. */
  private boolean complete;

  private Batch batch;

  private Transformer(
      Checkpoint checkpoint,
      Kernels kernels,
      TransformerOptions options,
      Arena arena,
      ModelWeights weights) {
    this.config = checkpoint.config();
    this.kernels = kernels;
    this.options = options;
    this.arena = arena;
    this.embedding = checkpoint.tensor(TensorKey.model(Part.EMBEDDING));
    List<LayerWeights> loaded = new ArrayList<>();
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      loaded.add(weights.layer(layer));
    }
    this.layers = List.copyOf(loaded);
    this.finalNorm = weights.finalNorm();
    this.head = weights.head();
    this.shape =
        new AttentionShape(
            config.numAttentionHeads(),
            config.numKeyValueHeads(),
            config.headDim(),
            config.slidingWindow().orElse(Integer.MAX_VALUE));
    this.rope = new RopeAngles(config);
    this.logitRows = Rows.allocate(arena, MAX_LOGIT_ROWS, config.hiddenSize());
    this.logits = Rows.allocate(arena, MAX_LOGIT_ROWS, config.vocabSize());
    this.finite = new FiniteCheck(kernels);
    this.space = new Workspace(config, options.path(), ROWS_STEP);
    this.fillAngles = row -> rope.fill(batch, row, space.angles);
  }

  /**
   * Packs a checkpoint's weights, in parallel, or takes them where a packed file is mapped.
   *
   * @param checkpoint the files; they stay open as long as the model, for the embedding table and
   *     for weights that are used as they lie
   * @param kernels what computes; owned by the caller
   * @param options the path through the experts
   * @param progress told the share done, rising to 1; from several threads, one at a time
   * @return the model
   * @throws io.moka.ModelException when the weights do not fit this machine's memory
   */
  public static Transformer load(
      Checkpoint checkpoint, Kernels kernels, TransformerOptions options, DoubleConsumer progress) {
    MemoryNeed.check(checkpoint, options);
    Arena arena = new WeightArena(kernels.placement());
    try (ModelWeights weights =
        checkpoint.packed().isPresent()
            ? new MappedWeights(checkpoint, options, arena, progress)
            : new WeightLoader(checkpoint, options, arena, kernels.threads(), progress)) {
      return new Transformer(checkpoint, kernels, options, arena, weights);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
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
   * Lets somebody see what passes between the layers.
   *
   * @param newListener told during each forward pass
   */
  public void listen(ForwardListener newListener) {
    listener = newListener;
  }

  /**
   * A cache that fits this model; the caller owns it.
   *
   * @param type how keys and values are stored
   * @param blocks blocks of 16 positions
   * @return an empty cache
   */
  public KvCache newCache(KvType type, int blocks) {
    return new KvCache(
        type, config.numHiddenLayers(), blocks, config.numKeyValueHeads(), config.headDim());
  }

  /**
   * Runs a batch: stores its keys and values, and keeps the final hidden states of the rows that
   * want logits.
   *
   * @param newBatch the new tokens
   * @param cache the cache its block tables point into
   * @throws RequestException when an id is not in the vocabulary
   */
  public void forward(Batch newBatch, KvCache cache) {
    forward(newBatch, cache, () -> false);
  }

  /**
   * As above, but stops after a layer once nobody wants the results: a chunk of a prompt can take
   * seconds. The cache then holds the batch in some layers only.
   *
   * @param newBatch the new tokens
   * @param cache the cache its block tables point into
   * @param unwanted asked after each layer
   * @return whether all layers ran; otherwise there are no logits
   * @throws RequestException when an id is not in the vocabulary
   */
  public boolean forward(Batch newBatch, KvCache cache, BooleanSupplier unwanted) {
    batch = newBatch;
    complete = false;
    int rows = batch.rows();
    checkIds();
    reserve(rows);
    kernels.forEach(rows, fillAngles);
    kernels.embed(embedding, batch.ids(), rows, space.hidden);
    for (int layer = 0; layer < layers.size(); layer++) {
      LayerWeights weights = layers.get(layer);
      attend(weights, layer, cache, rows);
      kernels.add(space.hidden, space.delta, rows);
      runMlp(weights, layer, rows);
      kernels.add(space.hidden, space.delta, rows);
      listener.hidden(layer, rows, space.hidden);
      if (unwanted.getAsBoolean()) {
        return false;
      }
    }
    keepFinals();
    complete = true;
    return true;
  }

  private void checkIds() {
    for (int row = 0; row < batch.rows(); row++) {
      int id = batch.ids()[row];
      if (id < 0 || id >= config.vocabSize()) {
        throw new RequestException(
            "token id %d is not in the model's vocabulary; ids run from 0 to %d"
                .formatted(id, config.vocabSize() - 1));
      }
    }
  }

  private void reserve(int rows) {
    if (rows > space.capacity) {
      int capacity = Math.ceilDiv(rows, ROWS_STEP) * ROWS_STEP;
      Workspace larger = new Workspace(config, options.path(), capacity);
      space.close();
      space = larger;
    }
    if (options.forceRandomRouting()) {
      for (int row = 0; row < rows; row++) {
        space.rowKeys[row] = (long) batch.position(row) << 32 | batch.ids()[row];
      }
    }
  }

  /** delta = wo attention(rotate(norm(wq x)), ...), x = norm(hidden). */
  private void attend(LayerWeights weights, int layer, KvCache cache, int rows) {
    float epsilon = config.rmsNormEps();
    kernels.rmsNorm(space.hidden, weights.attentionNorm(), epsilon, rows, 1, space.normed);
    weights.qkv().multiply(kernels, space.normed, rows, space.qkv);
    if (config.qkNorm()) {
      kernels.rmsNorm(
          space.queries, weights.queryNorm(), epsilon, rows, shape.heads(), space.queries);
      kernels.rmsNorm(space.keys, weights.keyNorm(), epsilon, rows, shape.kvHeads(), space.keys);
    }
    kernels.rotate(space.queries, space.angles, rows, shape.heads());
    kernels.rotate(space.keys, space.angles, rows, shape.kvHeads());
    kernels.store(space.keys, space.values, cache, layer, batch, shape, rows);
    kernels.attention(space.queries, cache, layer, batch, shape, rows, space.attention);
    weights.output().multiply(kernels, space.attention, rows, space.delta);
  }

  /** delta = experts(norm(hidden)). */
  private void runMlp(LayerWeights weights, int layer, int rows) {
    kernels.rmsNorm(space.hidden, weights.mlpNorm(), config.rmsNormEps(), rows, 1, space.normed);
    switch (weights.mlp()) {
      case LayerWeights.Moe(var moe) -> {
        if (options.forceRandomRouting()) {
          moe.forwardAtRandom(kernels, space.normed, space.rowKeys, rows, space.moe, space.delta);
        } else {
          moe.forward(kernels, space.normed, rows, space.moe, space.delta);
        }
        listener.routed(layer, rows, space.moe.routerLogits(), space.moe.routing());
      }
      case LayerWeights.Plain(var plain) ->
          kernels.moe(space.normed, space.plain, plain, rows, false, space.delta);
    }
    listener.mlpOutput(layer, rows, space.delta);
  }

  private void keepFinals() {
    long bytes = (long) config.hiddenSize() * Float.BYTES;
    for (int i = 0; i < batch.wanted(); i++) {
      MemorySegment.copy(
          space.hidden.data(),
          space.hidden.offsetBytes(batch.wantedRow(i)),
          space.finals.data(),
          space.finals.offsetBytes(i),
          bytes);
    }
    kernels.rmsNorm(space.finals, finalNorm, config.rmsNormEps(), batch.wanted(), 1, space.finals);
  }

  /**
   * Logits of rows of the last batch; valid until the next call.
   *
   * @param first the first, counted among the wanted rows
   * @param count how many, at most {@link #MAX_LOGIT_ROWS}
   * @return [count, V]
   * @throws IllegalStateException when the last batch did not run to its end
   * @throws io.moka.NumericalException when one is NaN or infinite
   */
  public Rows logits(int first, int count) {
    if (!complete) {
      throw new IllegalStateException("the last batch did not run to its end");
    }
    if (first < 0 || count < 0 || count > MAX_LOGIT_ROWS || first + count > batch.wanted()) {
      throw new IndexOutOfBoundsException(
          "logits of rows %d + %d of %d".formatted(first, count, batch.wanted()));
    }
    long bytes = (long) config.hiddenSize() * Float.BYTES;
    for (int i = 0; i < count; i++) {
      MemorySegment.copy(
          space.finals.data(),
          space.finals.offsetBytes(first + i),
          logitRows.data(),
          logitRows.offsetBytes(i),
          bytes);
    }
    kernels.matmul(logitRows, head, MemorySegment.NULL, count, logits);
    finite.check(logits, count);
    return logits;
  }

  @Override
  public void close() {
    space.close();
    arena.close();
  }
}
