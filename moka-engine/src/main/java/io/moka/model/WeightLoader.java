package io.moka.model;

import io.moka.MokaException;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ExpertTypes;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.moe.Router;
import io.moka.moe.RoutingRule;
import io.moka.weights.ExpertWeights;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.MatrixView;
import io.moka.weights.NativeMemory;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.RowDecoder;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.DoubleConsumer;

/**
 * Packs a checkpoint's tensors, a few at a time in parallel, and lets go of each as soon as it is
 * packed: the stored copy and the packed one are never both resident for more than a few tensors.
 */
final class WeightLoader implements ModelWeights {
  private final Checkpoint checkpoint;
  private final ModelConfig config;
  private final TransformerOptions options;
  private final Arena arena;
  private final Router router;
  private final ExecutorService threads;
  private final DoubleConsumer progress;
  private final double total;
  private long done;

  WeightLoader(
      Checkpoint checkpoint,
      TransformerOptions options,
      Arena arena,
      int threads,
      DoubleConsumer progress) {
    this.checkpoint = checkpoint;
    this.config = checkpoint.config();
    this.options = options;
    this.arena = arena;
    this.router = router(config);
    this.threads = Executors.newFixedThreadPool(threads);
    this.progress = progress;
    this.total =
        ModelTensors.of(config).entrySet().stream()
            .filter(tensor -> isPacked(tensor.getKey()))
            .mapToLong(tensor -> Tensor.elements(tensor.getValue()))
            .sum();
  }

  /** The routing contract of a model, the same in all its layers. */
  static Router router(ModelConfig config) {
    return new Router(
        RoutingRule.softmax(config.moe().numExpertsPerTok(), config.moe().normTopkProb()),
        config.moe().numExperts());
  }

  /** The embedding table stays as stored; where it is tied, the head is packed from it. */
  private boolean isPacked(TensorKey key) {
    return key.part() != Part.EMBEDDING || config.tieWordEmbeddings();
  }

  @Override
  public LayerWeights layer(int layer) {
    MemorySegment bias = MemorySegment.NULL;
    MemorySegment outputBias = MemorySegment.NULL;
    if (config.attentionBias()) {
      bias =
          floats(
              List.of(
                  get(Part.WQ_BIAS, layer), get(Part.WK_BIAS, layer), get(Part.WV_BIAS, layer)));
      outputBias = floats(List.of(get(Part.WO_BIAS, layer)));
    }
    MemorySegment qkvBias = bias;
    MemorySegment woBias = outputBias;
    Future<Projection> qkv =
        threads.submit(() ->
            project(
                List.of(get(Part.WQ, layer), get(Part.WK, layer), get(Part.WV, layer)), qkvBias));
    Future<Projection> output = threads.submit(() -> project(List.of(get(Part.WO, layer)), woBias));
    LayerWeights.Mlp mlp = config.isMoe(layer) ? moe(layer) : plain(layer);
    return new LayerWeights(
        floats(List.of(get(Part.ATTENTION_NORM, layer))),
        await(qkv),
        config.qkNorm() ? floats(List.of(get(Part.Q_NORM, layer))) : MemorySegment.NULL,
        config.qkNorm() ? floats(List.of(get(Part.K_NORM, layer))) : MemorySegment.NULL,
        await(output),
        floats(List.of(get(Part.MLP_NORM, layer))),
        mlp);
  }

  /** The head; a tied one is packed from the embedding table, which stays as it is for look-ups. */
  @Override
  public PackedMatrix head() {
    Part part = config.tieWordEmbeddings() ? Part.EMBEDDING : Part.HEAD;
    Tensor tensor = checkpoint.tensor(TensorKey.model(part));
    int pieces = Math.max(1, tensor.rows() / 4096);
    PackedMatrix packed = Packer.allocate(arena, tensor.format(), tensor.rows(), tensor.columns());
    int groupRows = PackedMatrix.GROUP_ROWS;
    int step = (tensor.rows() / pieces + groupRows - 1) / groupRows * groupRows;
    List<Future<?>> parts = new ArrayList<>();
    for (int first = 0; first < tensor.rows(); first += step) {
      MatrixView view =
          new MatrixView(tensor, first, Math.min(step, tensor.rows() - first), 0, tensor.columns());
      int row = first;
      parts.add(
          threads.submit(() -> {
            NativeMemory.populate(view.bytes());
            Packer.packInto(view, packed, row);
          }));
    }
    parts.forEach(WeightLoader::await);
    packed(tensor);
    return packed;
  }

  @Override
  public MemorySegment finalNorm() {
    return floats(List.of(checkpoint.tensor(TensorKey.model(Part.FINAL_NORM))));
  }

  private LayerWeights.Mlp moe(int layer) {
    ModelConfig.Moe moe = config.moe();
    Future<PackedMatrix> routerWeights = threads.submit(() -> pack(get(Part.ROUTER, layer)));
    ExpertWeights experts = experts(layer, 0, moe.numExperts(), moe.moeIntermediateSize());
    return LayerWeights.Moe.of(layer, options.path(), await(routerWeights), router, experts);
  }

  private LayerWeights.Mlp plain(int layer) {
    return new LayerWeights.Plain(experts(layer, -1, 1, config.intermediateSize()));
  }

  /** Experts from {@code first} on; -1 names the MLP of a layer without experts. */
  private ExpertWeights experts(int layer, int first, int count, int width) {
    boolean join = options.joins() || first < 0;
    ExpertTypes.check(checkpoint, layer);
    List<Future<PackedMatrix>> down = new ArrayList<>();
    List<Future<JoinedMatrix>> joined = new ArrayList<>();
    List<Future<PackedMatrix>> gate = new ArrayList<>();
    List<Future<PackedMatrix>> up = new ArrayList<>();
    for (int expert = first; expert < first + count; expert++) {
      int e = expert;
      if (join) {
        joined.add(threads.submit(() -> join(get(Part.GATE, layer, e), get(Part.UP, layer, e))));
      } else {
        gate.add(threads.submit(() -> pack(get(Part.GATE, layer, e))));
        up.add(threads.submit(() -> pack(get(Part.UP, layer, e))));
      }
      down.add(threads.submit(() -> pack(get(Part.DOWN, layer, e))));
    }
    ExpertWeights.GateUp gateUp =
        join
            ? new ExpertWeights.Joined(awaitAll(joined))
            : new ExpertWeights.Apart(awaitAll(gate), awaitAll(up));
    return new ExpertWeights(
        gateUp, awaitAll(down), config.hiddenAct(), config.hiddenSize(), width);
  }

  private Tensor get(Part part, int layer) {
    return get(TensorKey.layer(part, layer));
  }

  private Tensor get(Part part, int layer, int expert) {
    return get(TensorKey.expert(part, layer, expert));
  }

  private Tensor get(TensorKey key) {
    Tensor tensor = checkpoint.tensor(key);
    NativeMemory.populate(tensor.data());
    return tensor;
  }

  private Projection project(List<Tensor> tensors, MemorySegment bias) {
    Projection projection = Projection.pack(arena, tensors, bias);
    tensors.forEach(this::packed);
    return projection;
  }

  private PackedMatrix pack(Tensor tensor) {
    PackedMatrix matrix = Packer.pack(arena, tensor);
    packed(tensor);
    return matrix;
  }

  private JoinedMatrix join(Tensor gate, Tensor up) {
    JoinedMatrix matrix = Packer.join(arena, MatrixView.of(gate), MatrixView.of(up));
    packed(gate);
    packed(up);
    return matrix;
  }

  /** Vectors, one after the other, as floats. */
  private MemorySegment floats(List<Tensor> vectors) {
    int count = vectors.stream().mapToInt(Tensor::columns).sum();
    MemorySegment floats = arena.allocate(count * (long) Float.BYTES, 64);
    long at = 0;
    RowDecoder decoder = new RowDecoder();
    for (Tensor vector : vectors) {
      float[] values = new float[vector.columns()];
      decoder.decode(vector.format(), vector.data(), 0, values.length, values);
      MemorySegment.copy(values, 0, floats, ValueLayout.JAVA_FLOAT, at, values.length);
      at += values.length * (long) Float.BYTES;
      packed(vector);
    }
    return floats;
  }

  private void packed(Tensor tensor) {
    checkpoint.release(tensor);
    // one at a time, so that the share never falls
    synchronized (this) {
      done += Tensor.elements(tensor.shape());
      progress.accept(done / total);
    }
  }

  private static <T> List<T> awaitAll(List<Future<T>> futures) {
    return futures.stream().map(WeightLoader::await).toList();
  }

  private static <T> T await(Future<T> future) {
    try {
      return future.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new MokaException("loading was interrupted", e);
    } catch (ExecutionException e) {
      if (e.getCause() instanceof RuntimeException cause) {
        throw cause;
      }
      throw new MokaException("loading failed: " + e.getCause(), e.getCause());
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
    threads.close();
  }
}
