package io.moka.checkpoint;

import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import tools.jackson.databind.JsonNode;

/**
 * The keys of an architecture's hyperparameters in a GGUF file. Each shapes the result, so one that
 * is neither read nor holds a value without effect is refused, unknown ones too.
 */
final class GgufKeys {
  /** Read elsewhere. */
  private static final Set<String> USED =
      Set.of(
          "block_count",
          "context_length",
          "embedding_length",
          "feed_forward_length",
          "vocab_size",
          "expert_count",
          "expert_used_count",
          "expert_feed_forward_length",
          "attention.head_count",
          "attention.head_count_kv",
          "attention.key_length",
          "attention.value_length",
          "attention.layer_norm_rms_epsilon",
          "rope.freq_base",
          "rope.dimension_count",
          "rope.scale_linear",
          "rope.scaling.type",
          "rope.scaling.factor",
          "rope.scaling.original_context_length",
          "rope.scaling.attn_factor",
          "rope.scaling.yarn_ext_factor",
          "rope.scaling.yarn_attn_factor",
          "rope.scaling.yarn_beta_fast",
          "rope.scaling.yarn_beta_slow");

  /** Say where the weights came from, or speak of other uses than the logits of a next token. */
  private static final Set<String> HARMLESS =
      Set.of("tensor_data_layout", "rope.scaling.finetuned", "pooling_type");

  /** What any key may hold without effect. */
  private static final Set<String> NOTHING = Set.of("0", "0.0", "-0.0", "false", "[]", "\"\"");

  private static final Set<String> ONE = Set.of("1", "1.0");
  private static final Set<String> TRUE = Set.of("true");

  /** What a key may hold besides. */
  private static final Map<String, Set<String>> NEUTRAL =
      Map.ofEntries(
          Map.entry("expert_gating_func", Set.of("1")), // softmax
          Map.entry("expert_weights_norm", TRUE),
          Map.entry("expert_weights_scale", ONE),
          Map.entry("expert_group_count", ONE),
          Map.entry("expert_group_used_count", ONE),
          Map.entry("moe_every_n_layers", ONE),
          Map.entry("interleave_moe_layer_step", ONE),
          Map.entry("attention.causal", TRUE),
          Map.entry("logit_scale", ONE),
          Map.entry("embedding_scale", ONE),
          Map.entry("residual_scale", ONE),
          Map.entry("rope.scaling.alpha", ONE));

  /** Keys whose zero or false would say something. */
  private static final Set<String> NOT_NOTHING = Set.of("expert_weights_norm", "attention.causal");

  private GgufKeys() {}

  static void check(ConfigFields fields) {
    for (String key : fields.keys()) {
      if (!USED.contains(key) && !HARMLESS.contains(key)) {
        String value = fields.node(key).map(JsonNode::toString).orElse("0");
        Set<String> neutral = NEUTRAL.getOrDefault(key, Set.of());
        boolean nothing = NOTHING.contains(value) && !NOT_NOTHING.contains(key);
        if (!nothing && !neutral.contains(value)) {
          fields.problem(key, expected(neutral));
        }
      }
    }
  }

  private static String expected(Set<String> neutral) {
    return neutral.isEmpty()
        ? "none: this version does not support the key"
        : String.join(" or ", new TreeSet<>(neutral)) + ": this version supports nothing else";
  }
}
