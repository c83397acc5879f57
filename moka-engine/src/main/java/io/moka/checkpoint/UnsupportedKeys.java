package io.moka.checkpoint;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * Keys of {@code config.json} that would change a model's results and that Moka does not follow,
 * each with the values that change nothing. Other unknown keys are ignored, as Hugging Face's own
 * classes of the two architectures ignore them: they speak of training, of generation or of how the
 * file was made.
 */
final class UnsupportedKeys {
  /** What any key may hold without effect; a key without own values accepts these. */
  private static final Set<String> NOTHING = Set.of("null", "false", "[]", "{}");

  private static final Set<String> NO_COUNT = Set.of("0");
  private static final Set<String> ONE = Set.of("1", "1.0");

  private static final Map<String, Set<String>> NEUTRAL =
      new TreeMap<>(
          Map.ofEntries(
              Map.entry("quantization_config", Set.of()),
              Map.entry("compression_config", Set.of()),
              Map.entry("pruned_heads", Set.of()),
              Map.entry("is_encoder_decoder", Set.of()),
              Map.entry("add_cross_attention", Set.of()),
              Map.entry("vision_config", Set.of()),
              Map.entry("mlp_bias", Set.of()),
              Map.entry("attention_sinks", Set.of()),
              Map.entry("alibi", Set.of()),
              Map.entry("attn_logit_softcapping", Set.of()),
              Map.entry("final_logit_softcapping", Set.of()),
              Map.entry("no_rope_layers", Set.of()),
              Map.entry("attention_chunk_size", Set.of()),
              Map.entry("first_k_dense_replace", NO_COUNT),
              Map.entry("n_shared_experts", NO_COUNT),
              Map.entry("num_shared_experts", NO_COUNT),
              Map.entry("shared_expert_intermediate_size", NO_COUNT),
              Map.entry("num_nextn_predict_layers", NO_COUNT),
              Map.entry("partial_rotary_factor", ONE),
              Map.entry("rotary_pct", ONE),
              Map.entry("routed_scaling_factor", ONE),
              Map.entry("embedding_multiplier", ONE),
              Map.entry("residual_multiplier", ONE),
              Map.entry("logits_scaling", ONE),
              Map.entry("logit_scale", ONE),
              Map.entry("attention_multiplier", Set.of()),
              Map.entry("query_pre_attn_scalar", Set.of()),
              Map.entry("n_group", ONE),
              Map.entry("num_expert_group", ONE),
              Map.entry("topk_group", ONE),
              Map.entry("position_embedding_type", Set.of("\"rope\"", "\"absolute\"")),
              Map.entry("scoring_func", Set.of("\"softmax\""))));

  private UnsupportedKeys() {}

  static void check(ConfigFields fields) {
    NEUTRAL.forEach((key, neutral) ->
        fields
            .node(key)
            .map(JsonNode::toString)
            .filter(value -> !NOTHING.contains(value) && !neutral.contains(value))
            .ifPresent(value -> fields.problem(key, expected(neutral))));
  }

  private static String expected(Set<String> neutral) {
    String other =
        neutral.isEmpty() ? "" : " (or " + String.join(", ", new TreeSet<>(neutral)) + ")";
    return "none" + other + ": this version does not support it";
  }
}
