package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import java.util.List;

/**
 * A model by its sizes.
 *
 * @param name what the user calls it
 * @param config the architecture
 * @param tensors all, in the order of the forward pass
 * @param parameters numbers in all tensors
 * @param activeParameters those that one token meets: all, but of the experts the chosen ones
 * @param weightBytes bytes of all tensors
 * @param bytesPerToken bytes of weights that one token reads: of the embedding a row, of the
 *     experts the chosen ones, all of the rest
 * @param cacheValuesPerToken numbers that the KV cache holds for one position
 */
record ModelSummary(
    String name,
    ModelConfig config,
    List<Entry> tensors,
    long parameters,
    long activeParameters,
    long weightBytes,
    long bytesPerToken,
    long cacheValuesPerToken) {

  /**
   * One tensor.
   *
   * @param key what it does
   * @param tensor its name, format and shape
   */
  record Entry(TensorKey key, TensorInfo tensor) {
    boolean isExpert() {
      return key.expert() >= 0;
    }
  }

  static ModelSummary of(String name, Checkpoint checkpoint) {
    ModelConfig config = checkpoint.config();
    List<Entry> tensors =
        ModelTensors.of(config).keySet().stream()
            .map(key -> new Entry(key, checkpoint.describe(key)))
            .toList();
    long experts = sum(tensors, true, false);
    long expertBytes = sum(tensors, true, true);
    long others = sum(tensors, false, false);
    long otherBytes = sum(tensors, false, true);
    return new ModelSummary(
        name,
        config,
        tensors,
        experts + others,
        chosen(config, experts) + others,
        expertBytes + otherBytes,
        chosen(config, expertBytes) + otherBytes - unreadEmbeddingBytes(config, tensors),
        2L * config.numHiddenLayers() * config.numKeyValueHeads() * config.headDim());
  }

  private static long sum(List<Entry> tensors, boolean experts, boolean bytes) {
    return tensors.stream()
        .filter(entry -> entry.isExpert() == experts)
        .mapToLong(entry -> bytes ? entry.tensor().bytes() : entry.tensor().elements())
        .sum();
  }

  private static long chosen(ModelConfig config, long ofAllExperts) {
    return ofAllExperts / config.moe().numExperts() * config.moe().numExpertsPerTok();
  }

  /** A tied embedding is the head too, and read as a whole. */
  private static long unreadEmbeddingBytes(ModelConfig config, List<Entry> tensors) {
    return tensors.stream()
        .filter(entry -> entry.key().part() == Part.EMBEDDING && !config.tieWordEmbeddings())
        .mapToLong(entry -> entry.tensor().bytes() / config.vocabSize() * (config.vocabSize() - 1))
        .sum();
  }
}
