package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.weights.Activation;
import io.moka.weights.WeightFormat;
import java.util.List;
import java.util.stream.IntStream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * Writes configurations with Hugging Face's keys, so that {@link ConfigReader} reads them back to
 * the same.
 */
final class ConfigWriter {
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private ConfigWriter() {}

  /** With the type of the weights, which transformers asks for. */
  static String config(ModelConfig config, WeightFormat format) {
    ObjectNode json = json(config);
    json.put("torch_dtype", dtype(format));
    return MAPPER.writeValueAsString(json) + "\n";
  }

  static String config(ModelConfig config) {
    return MAPPER.writeValueAsString(json(config)) + "\n";
  }

  private static ObjectNode json(ModelConfig config) {
    boolean mixtral = config.modelType().equals("mixtral");
    ObjectNode json = MAPPER.createObjectNode();
    json.putArray("architectures").add(mixtral ? "MixtralForCausalLM" : "Qwen3MoeForCausalLM");
    json.put("model_type", config.modelType());
    json.put("vocab_size", config.vocabSize());
    json.put("hidden_size", config.hiddenSize());
    json.put("intermediate_size", config.intermediateSize());
    json.put("num_hidden_layers", config.numHiddenLayers());
    json.put("num_attention_heads", config.numAttentionHeads());
    json.put("num_key_value_heads", config.numKeyValueHeads());
    json.put("head_dim", config.headDim());
    json.put("rms_norm_eps", Double.parseDouble(Float.toString(config.rmsNormEps())));
    json.put("hidden_act", config.hiddenAct() == Activation.SILU ? "silu" : "gelu_pytorch_tanh");
    json.put("max_position_embeddings", config.maxPositionEmbeddings());
    json.put("attention_bias", config.attentionBias());
    json.put("tie_word_embeddings", config.tieWordEmbeddings());
    config
        .slidingWindow()
        .ifPresentOrElse(w -> json.put("sliding_window", w), () -> json.putNull("sliding_window"));
    json.put("rope_theta", config.rope().theta());
    putRopeScaling(json, config.rope().scaling());
    json.put(mixtral ? "num_local_experts" : "num_experts", config.moe().numExperts());
    json.put("num_experts_per_tok", config.moe().numExpertsPerTok());
    if (!mixtral) {
      json.put("moe_intermediate_size", config.moe().moeIntermediateSize());
      json.put("norm_topk_prob", config.moe().normTopkProb());
      json.put("decoder_sparse_step", 1);
      ArrayNode plain = json.putArray("mlp_only_layers");
      IntStream.range(0, config.numHiddenLayers())
          .filter(layer -> !config.isMoe(layer))
          .forEach(plain::add);
      json.put("use_sliding_window", config.slidingWindow().isPresent());
      json.put(
          "max_window_layers", config.slidingWindow().isPresent() ? 0 : config.numHiddenLayers());
    }
    config.bosTokenId().ifPresent(id -> json.put("bos_token_id", id));
    putIds(json, config.eosTokenIds());
    return json;
  }

  static String generationConfig(GenerationDefaults defaults) {
    ObjectNode json = MAPPER.createObjectNode();
    defaults.doSample().ifPresent(value -> json.put("do_sample", value));
    defaults.temperature().ifPresent(value -> json.put("temperature", value));
    defaults.topK().ifPresent(value -> json.put("top_k", value));
    defaults.topP().ifPresent(value -> json.put("top_p", value));
    defaults.minP().ifPresent(value -> json.put("min_p", value));
    defaults.repetitionPenalty().ifPresent(value -> json.put("repetition_penalty", value));
    putIds(json, defaults.eosTokenIds());
    return MAPPER.writeValueAsString(json) + "\n";
  }

  private static String dtype(WeightFormat format) {
    return switch (format) {
      case F32 -> "float32";
      case F16 -> "float16";
      case BF16 -> "bfloat16";
      default -> throw ShardWriter.unsupported(format);
    };
  }

  private static void putRopeScaling(ObjectNode json, RopeScaling scaling) {
    switch (scaling) {
      case RopeScaling.None() -> json.putNull("rope_scaling");
      case RopeScaling.Linear(double factor) ->
          json.putObject("rope_scaling").put("rope_type", "linear").put("factor", factor);
      case RopeScaling.Yarn yarn ->
          json.putObject("rope_scaling")
              .put("rope_type", "yarn")
              .put("factor", yarn.factor())
              .put("original_max_position_embeddings", yarn.originalMaxPositionEmbeddings())
              .put("beta_fast", yarn.betaFast())
              .put("beta_slow", yarn.betaSlow())
              .put("attention_factor", yarn.attentionFactor());
    }
  }

  private static void putIds(ObjectNode json, List<Integer> ids) {
    if (ids.size() == 1) {
      json.put("eos_token_id", ids.getFirst());
    } else if (!ids.isEmpty()) {
      ArrayNode list = json.putArray("eos_token_id");
      ids.forEach(list::add);
    }
  }
}
