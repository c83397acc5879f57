package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.WeightFormat;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * A model by its sizes.
 *
 * @param name what the user calls it
 * @param container what kind of file the tensors lie in
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
    String container,
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

  /**
   * The tensors of one format.
   *
   * @param tensors how many the files hold; the experts that share one count once
   * @param bytes all of them
   */
  record Share(int tensors, long bytes) {}

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
        container(checkpoint),
        config,
        tensors,
        experts + others,
        chosen(config, experts) + others,
        expertBytes + otherBytes,
        chosen(config, expertBytes) + otherBytes - unreadEmbeddingBytes(config, tensors),
        2L * config.numHiddenLayers() * config.numKeyValueHeads() * config.headDim());
  }

  private static String container(Checkpoint checkpoint) {
    if (checkpoint.packed().isPresent()) {
      return "packed";
    }
    return checkpoint.metadata().isPresent() ? "GGUF" : "safetensors";
  }

  /** How many tensors the files hold; experts may share one. */
  int storedTensors() {
    return stored(tensors);
  }

  /** What each format has of the tensors, the format with the most bytes first. */
  Map<WeightFormat, Share> formats() {
    Map<WeightFormat, Share> shares = new LinkedHashMap<>();
    tensors.stream()
        .collect(Collectors.groupingBy(entry -> entry.tensor().format()))
        .entrySet()
        .stream()
        .map(group -> Map.entry(group.getKey(), share(group.getValue())))
        .sorted(
            Comparator.comparingLong(
                (Map.Entry<WeightFormat, Share> group) -> -group.getValue().bytes()))
        .forEach(group -> shares.put(group.getKey(), group.getValue()));
    return shares;
  }

  private static Share share(List<Entry> tensors) {
    return new Share(
        stored(tensors), tensors.stream().mapToLong(entry -> entry.tensor().bytes()).sum());
  }

  private static int stored(List<Entry> tensors) {
    return (int) tensors.stream().map(entry -> entry.tensor().name()).distinct().count();
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
