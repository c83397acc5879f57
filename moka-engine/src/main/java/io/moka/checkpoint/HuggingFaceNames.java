package io.moka.checkpoint;

/** What Hugging Face's files call a model's tensors. */
final class HuggingFaceNames {
  static final String HEAD = "lm_head.weight";

  private HuggingFaceNames() {}

  static String of(ModelConfig config, TensorKey key) {
    boolean mixtral = config.modelType().equals("mixtral");
    String layer = "model.layers." + key.layer() + ".";
    String attention = layer + "self_attn.";
    String mlp = layer + (mixtral ? "block_sparse_moe." : "mlp.");
    String expert = key.expert() < 0 ? mlp : mlp + "experts." + key.expert() + ".";
    return switch (key.part()) {
      case EMBEDDING -> "model.embed_tokens.weight";
      case FINAL_NORM -> "model.norm.weight";
      case HEAD -> HEAD;
      case ATTENTION_NORM -> layer + "input_layernorm.weight";
      case WQ -> attention + "q_proj.weight";
      case WK -> attention + "k_proj.weight";
      case WV -> attention + "v_proj.weight";
      case WO -> attention + "o_proj.weight";
      case WQ_BIAS -> attention + "q_proj.bias";
      case WK_BIAS -> attention + "k_proj.bias";
      case WV_BIAS -> attention + "v_proj.bias";
      case WO_BIAS -> attention + "o_proj.bias";
      case Q_NORM -> attention + "q_norm.weight";
      case K_NORM -> attention + "k_norm.weight";
      case MLP_NORM -> layer + "post_attention_layernorm.weight";
      case ROUTER -> mlp + "gate.weight";
      case GATE -> expert + (mixtral ? "w1.weight" : "gate_proj.weight");
      case UP -> expert + (mixtral ? "w3.weight" : "up_proj.weight");
      case DOWN -> expert + (mixtral ? "w2.weight" : "down_proj.weight");
    };
  }
}
