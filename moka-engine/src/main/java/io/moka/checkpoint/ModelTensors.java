package io.moka.checkpoint;

import io.moka.checkpoint.TensorKey.Part;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The tensors that a configuration calls for, with their shapes. */
public final class ModelTensors {
  private ModelTensors() {}

  /**
   * Every tensor of a model, in the order of the forward pass.
   *
   * @param config the architecture
   * @return shapes by key, in a fixed order
   */
  public static Map<TensorKey, List<Long>> of(ModelConfig config) {
    Map<TensorKey, List<Long>> shapes = new LinkedHashMap<>();
    long hidden = config.hiddenSize();
    long vocabulary = config.vocabSize();
    shapes.put(TensorKey.model(Part.EMBEDDING), List.of(vocabulary, hidden));
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      addAttention(shapes, config, layer);
      shapes.put(TensorKey.layer(Part.MLP_NORM, layer), List.of(hidden));
      if (config.isMoe(layer)) {
        shapes.put(
            TensorKey.layer(Part.ROUTER, layer), List.of((long) config.moe().numExperts(), hidden));
        for (int expert = 0; expert < config.moe().numExperts(); expert++) {
          addMlp(shapes, layer, expert, config.moe().moeIntermediateSize(), hidden);
        }
      } else {
        addMlp(shapes, layer, -1, config.intermediateSize(), hidden);
      }
    }
    shapes.put(TensorKey.model(Part.FINAL_NORM), List.of(hidden));
    if (!config.tieWordEmbeddings()) {
      shapes.put(TensorKey.model(Part.HEAD), List.of(vocabulary, hidden));
    }
    return shapes;
  }

  /**
   * Bytes of all weights as they are stored.
   *
   * @param checkpoint the model
   * @return the sum over its tensors
   */
  public static long bytes(Checkpoint checkpoint) {
    return of(checkpoint.config()).keySet().stream()
        .mapToLong(key -> checkpoint.describe(key).bytes())
        .sum();
  }

  /**
   * Whether a model's experts, or the layers that stand for them, are quantised.
   *
   * @param checkpoint the model
   * @return as its first gate is
   */
  public static boolean areQuantised(Checkpoint checkpoint) {
    int expert = checkpoint.config().isMoe(0) ? 0 : -1;
    return checkpoint.describe(TensorKey.expert(Part.GATE, 0, expert)).isQuantised();
  }

  private static void addAttention(
      Map<TensorKey, List<Long>> shapes, ModelConfig config, int layer) {
    long hidden = config.hiddenSize();
    long head = config.headDim();
    long queries = config.numAttentionHeads() * head;
    long keys = config.numKeyValueHeads() * head;
    shapes.put(TensorKey.layer(Part.ATTENTION_NORM, layer), List.of(hidden));
    shapes.put(TensorKey.layer(Part.WQ, layer), List.of(queries, hidden));
    shapes.put(TensorKey.layer(Part.WK, layer), List.of(keys, hidden));
    shapes.put(TensorKey.layer(Part.WV, layer), List.of(keys, hidden));
    shapes.put(TensorKey.layer(Part.WO, layer), List.of(hidden, queries));
    if (config.attentionBias()) {
      shapes.put(TensorKey.layer(Part.WQ_BIAS, layer), List.of(queries));
      shapes.put(TensorKey.layer(Part.WK_BIAS, layer), List.of(keys));
      shapes.put(TensorKey.layer(Part.WV_BIAS, layer), List.of(keys));
      shapes.put(TensorKey.layer(Part.WO_BIAS, layer), List.of(hidden));
    }
    if (config.qkNorm()) {
      shapes.put(TensorKey.layer(Part.Q_NORM, layer), List.of(head));
      shapes.put(TensorKey.layer(Part.K_NORM, layer), List.of(head));
    }
  }

  private static void addMlp(
      Map<TensorKey, List<Long>> shapes, int layer, int expert, long width, long hidden) {
    shapes.put(new TensorKey(Part.GATE, layer, expert), List.of(width, hidden));
    shapes.put(new TensorKey(Part.UP, layer, expert), List.of(width, hidden));
    shapes.put(new TensorKey(Part.DOWN, layer, expert), List.of(hidden, width));
  }
}
