package io.moka.checkpoint;

import io.moka.RequestException;
import io.moka.checkpoint.ModelConfig.Moe;
import io.moka.checkpoint.ModelConfig.Rope;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.weights.Activation;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/** The configurations of published models, for runs without their weights. */
final class DummyShapes {
  private static final Map<String, ModelConfig> SHAPES =
      new TreeMap<>(
          Map.of(
              "qwen3-30b-a3b", qwen3Moe(2048, 6144, 48, 32, 768),
              "qwen3-235b-a22b", qwen3Moe(4096, 12288, 94, 64, 1536),
              "mixtral-8x7b", mixtral8x7b()));

  private DummyShapes() {}

  /** Reads {@code shape} or {@code shape:layers=N,experts=N}. */
  static ModelConfig parse(String text) {
    String[] parts = text.split(":", 2);
    ModelConfig config = SHAPES.get(parts[0]);
    if (config == null) {
      throw new RequestException(
          "\""
              + parts[0]
              + "\" is no shape of a dummy model; choose one of "
              + String.join(", ", SHAPES.keySet()));
    }
    int layers = config.numHiddenLayers();
    int experts = config.moe().numExperts();
    for (String option : parts.length == 1 ? new String[0] : parts[1].split(",", -1)) {
      String[] pair = option.split("=", 2);
      int least = config.moe().numExpertsPerTok();
      switch (pair[0]) {
        case "layers" -> layers = number(option, 1, 1000);
        case "experts" -> experts = number(option, least, 4096);
        default ->
            throw new RequestException(
                "\""
                    + option
                    + "\" is no option of a dummy model; write "
                    + parts[0]
                    + ":layers=N,experts=N");
      }
    }
    if (layers * (16L + 3L * experts) > ConfigReader.MOST_TENSORS) {
      throw new RequestException(
          text
              + ": more than "
              + ConfigReader.MOST_TENSORS
              + " tensors; take fewer layers or experts");
    }
    return resized(config, layers, experts);
  }

  private static int number(String option, int least, int most) {
    String value = option.substring(option.indexOf('=') + 1);
    if (value.matches("[0-9]{1,9}")) {
      int number = Integer.parseInt(value);
      if (number >= least && number <= most) {
        return number;
      }
    }
    throw new RequestException(
        "\"" + option + "\": expected a whole number from " + least + " to " + most);
  }

  private static ModelConfig resized(ModelConfig config, int layers, int experts) {
    Moe moe = config.moe();
    return new ModelConfig(
        config.modelType(),
        config.vocabSize(),
        config.hiddenSize(),
        config.intermediateSize(),
        layers,
        config.numAttentionHeads(),
        config.numKeyValueHeads(),
        config.headDim(),
        config.rmsNormEps(),
        config.hiddenAct(),
        config.maxPositionEmbeddings(),
        config.attentionBias(),
        config.qkNorm(),
        config.slidingWindow(),
        config.rope(),
        new Moe(experts, moe.numExpertsPerTok(), moe.moeIntermediateSize(), moe.normTopkProb()),
        Collections.nCopies(layers, true),
        config.tieWordEmbeddings(),
        config.bosTokenId(),
        config.eosTokenIds());
  }

  private static ModelConfig qwen3Moe(
      int hiddenSize, int intermediateSize, int layers, int heads, int expertWidth) {
    return new ModelConfig(
        "qwen3_moe",
        151_936,
        hiddenSize,
        intermediateSize,
        layers,
        heads,
        4,
        128,
        1e-6f,
        Activation.SILU,
        40_960,
        false,
        true,
        OptionalInt.empty(),
        new Rope(1e6, new RopeScaling.None()),
        new Moe(128, 8, expertWidth, true),
        Collections.nCopies(layers, true),
        false,
        OptionalInt.of(151_643),
        List.of(151_645));
  }

  private static ModelConfig mixtral8x7b() {
    return new ModelConfig(
        "mixtral",
        32_000,
        4096,
        14_336,
        32,
        32,
        8,
        128,
        1e-5f,
        Activation.SILU,
        32_768,
        false,
        false,
        OptionalInt.empty(),
        new Rope(1e6, new RopeScaling.None()),
        new Moe(8, 2, 14_336, true),
        Collections.nCopies(32, true),
        false,
        OptionalInt.of(1),
        List.of(2));
  }
}
