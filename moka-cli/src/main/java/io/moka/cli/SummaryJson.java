package io.moka.cli;

import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import java.util.Locale;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/** A model's summary for programs; the configuration has the keys of {@code config.json}. */
final class SummaryJson {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  private SummaryJson() {}

  static String write(ModelSummary summary) {
    ObjectNode root = MAPPER.createObjectNode();
    root.put("model", summary.name());
    root.put("container", summary.container());
    root.set("config", config(summary.config()));
    root.put("parameters", summary.parameters());
    root.put("active_parameters", summary.activeParameters());
    root.put("weight_bytes", summary.weightBytes());
    root.put("bytes_per_token", summary.bytesPerToken());
    root.put("kv_values_per_token", summary.cacheValuesPerToken());
    ObjectNode formats = root.putObject("formats");
    summary
        .formats()
        .forEach((format, share) ->
            formats
                .putObject(format.name())
                .put("tensors", share.tensors())
                .put("bytes", share.bytes()));
    ArrayNode tensors = root.putArray("tensors");
    for (ModelSummary.Entry entry : summary.tensors()) {
      ObjectNode tensor = tensors.addObject();
      tensor.put("name", entry.tensor().name());
      tensor.put("part", entry.key().part().name().toLowerCase(Locale.ROOT));
      if (entry.key().layer() >= 0) {
        tensor.put("layer", entry.key().layer());
      }
      if (entry.isExpert()) {
        tensor.put("expert", entry.key().expert());
      }
      tensor.put("format", entry.tensor().format().name());
      ArrayNode shape = tensor.putArray("shape");
      entry.tensor().shape().forEach(shape::add);
      tensor.put("bytes", entry.tensor().bytes());
    }
    return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(root) + "\n";
  }

  private static ObjectNode config(ModelConfig config) {
    ObjectNode node = MAPPER.createObjectNode();
    node.put("model_type", config.modelType());
    node.put("vocab_size", config.vocabSize());
    node.put("hidden_size", config.hiddenSize());
    node.put("intermediate_size", config.intermediateSize());
    node.put("num_hidden_layers", config.numHiddenLayers());
    node.put("num_attention_heads", config.numAttentionHeads());
    node.put("num_key_value_heads", config.numKeyValueHeads());
    node.put("head_dim", config.headDim());
    node.put("rms_norm_eps", config.rmsNormEps());
    node.put("hidden_act", config.hiddenAct().name().toLowerCase(Locale.ROOT));
    node.put("max_position_embeddings", config.maxPositionEmbeddings());
    node.put("attention_bias", config.attentionBias());
    node.put("qk_norm", config.qkNorm());
    config.slidingWindow().ifPresent(window -> node.put("sliding_window", window));
    node.put("rope_theta", config.rope().theta());
    switch (config.rope().scaling()) {
      case RopeScaling.None _ -> {}
      case RopeScaling.Linear linear ->
          node.putObject("rope_scaling").put("rope_type", "linear").put("factor", linear.factor());
      case RopeScaling.Yarn yarn ->
          node.putObject("rope_scaling")
              .put("rope_type", "yarn")
              .put("factor", yarn.factor())
              .put("original_max_position_embeddings", yarn.originalMaxPositionEmbeddings())
              .put("beta_fast", yarn.betaFast())
              .put("beta_slow", yarn.betaSlow())
              .put("attention_factor", yarn.attentionFactor());
    }
    node.put("num_experts", config.moe().numExperts());
    node.put("num_experts_per_tok", config.moe().numExpertsPerTok());
    node.put("moe_intermediate_size", config.moe().moeIntermediateSize());
    node.put("norm_topk_prob", config.moe().normTopkProb());
    node.put("tie_word_embeddings", config.tieWordEmbeddings());
    ArrayNode moeLayers = node.putArray("moe_layers");
    config.moeLayers().forEach(moeLayers::add);
    config.bosTokenId().ifPresent(id -> node.put("bos_token_id", id));
    ArrayNode ends = node.putArray("eos_token_id");
    config.eosTokenIds().forEach(ends::add);
    return node;
  }
}
