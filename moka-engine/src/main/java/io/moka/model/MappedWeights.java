package io.moka.model;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ExpertTypes;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.PackedKey;
import io.moka.checkpoint.PackedKey.Kind;
import io.moka.checkpoint.PackedWeights;
import io.moka.moe.Router;
import io.moka.weights.ExpertWeights;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.DoubleConsumer;
import java.util.stream.IntStream;

/**
 * The weights of a packed file, used where they are mapped. Only where gate and up are wanted apart
 * their strips are copied.
 */
final class MappedWeights implements ModelWeights {
  private final Checkpoint checkpoint;
  private final PackedWeights packed;
  private final ModelConfig config;
  private final TransformerOptions options;
  private final Arena arena;
  private final Router router;
  private final DoubleConsumer progress;

  /**
   * Takes weights from a checkpoint that has them packed.
   *
   * @param arena who owns the copies
   */
  MappedWeights(
      Checkpoint checkpoint, TransformerOptions options, Arena arena, DoubleConsumer progress) {
    this.checkpoint = checkpoint;
    this.packed = checkpoint.packed().orElseThrow();
    this.config = checkpoint.config();
    this.options = options;
    this.arena = arena;
    this.router = WeightLoader.router(config);
    this.progress = progress;
  }

  @Override
  public LayerWeights layer(int layer) {
    LayerWeights weights =
        new LayerWeights(
            vector(Kind.ATTENTION_NORM, layer, true),
            new Projection(
                packed.projections(layer), vector(Kind.QKV_BIAS, layer, config.attentionBias())),
            vector(Kind.Q_NORM, layer, config.qkNorm()),
            vector(Kind.K_NORM, layer, config.qkNorm()),
            new Projection(
                List.of(packed.matrix(PackedKey.layer(Kind.OUTPUT, layer))),
                vector(Kind.OUTPUT_BIAS, layer, config.attentionBias())),
            vector(Kind.MLP_NORM, layer, true),
            config.isMoe(layer) ? moe(layer) : plain(layer));
    progress.accept((layer + 1.0) / config.numHiddenLayers());
    return weights;
  }

  @Override
  public MemorySegment finalNorm() {
    return packed.data(PackedKey.model(Kind.FINAL_NORM));
  }

  @Override
  public PackedMatrix head() {
    return packed.matrix(PackedKey.model(Kind.HEAD));
  }

  private MemorySegment vector(Kind kind, int layer, boolean exists) {
    return exists ? packed.data(PackedKey.layer(kind, layer)) : MemorySegment.NULL;
  }

  private LayerWeights.Mlp moe(int layer) {
    ExpertWeights experts =
        experts(layer, 0, config.moe().numExperts(), config.moe().moeIntermediateSize());
    PackedMatrix routerWeights = packed.matrix(PackedKey.layer(Kind.ROUTER, layer));
    return LayerWeights.Moe.of(layer, options.path(), routerWeights, router, experts);
  }

  private LayerWeights.Mlp plain(int layer) {
    return new LayerWeights.Plain(experts(layer, -1, 1, config.intermediateSize()));
  }

  private ExpertWeights experts(int layer, int first, int count, int width) {
    boolean join = options.joins() || first < 0;
    ExpertTypes.check(checkpoint, layer);
    List<JoinedMatrix> joined =
        IntStream.range(first, first + count)
            .mapToObj(expert -> packed.gateUp(layer, expert, width))
            .toList();
    List<PackedMatrix> down =
        IntStream.range(first, first + count)
            .mapToObj(expert -> packed.matrix(new PackedKey(Kind.DOWN, layer, expert)))
            .toList();
    ExpertWeights.GateUp gateUp =
        join
            ? new ExpertWeights.Joined(joined)
            : new ExpertWeights.Apart(
                joined.stream().map(both -> Packer.gate(arena, both)).toList(),
                joined.stream().map(both -> Packer.up(arena, both)).toList());
    return new ExpertWeights(gateUp, down, config.hiddenAct(), config.hiddenSize(), width);
  }

  @Override
  public void close() {
    // the mapping is its checkpoint's, the copies are the model's
  }
}
