package io.moka.checkpoint;

import io.moka.checkpoint.TensorKey.Part;

/** What GGUF files call a model's tensors. */
final class GgufNames {
  static final String HEAD = "output.weight";

  private GgufNames() {}

  /** A tensor of its own; of experts the one that stacks a layer's. */
  static String of(Part part, int layer, boolean experts) {
    String block = "blk." + layer + ".";
    String suffix = experts ? "_exps.weight" : ".weight";
    return switch (part) {
      case EMBEDDING -> "token_embd.weight";
      case FINAL_NORM -> "output_norm.weight";
      case HEAD -> HEAD;
      case ATTENTION_NORM -> block + "attn_norm.weight";
      case WQ -> block + "attn_q.weight";
      case WK -> block + "attn_k.weight";
      case WV -> block + "attn_v.weight";
      case WO -> block + "attn_output.weight";
      case WQ_BIAS -> block + "attn_q.bias";
      case WK_BIAS -> block + "attn_k.bias";
      case WV_BIAS -> block + "attn_v.bias";
      case WO_BIAS -> block + "attn_output.bias";
      case Q_NORM -> block + "attn_q_norm.weight";
      case K_NORM -> block + "attn_k_norm.weight";
      case MLP_NORM -> block + "ffn_norm.weight";
      case ROUTER -> block + "ffn_gate_inp.weight";
      case GATE, UP, DOWN -> block + stem(part) + suffix;
    };
  }

  /** Gate and up of a layer's experts in one tensor, the gate's rows first in each expert. */
  static String merged(int layer) {
    return "blk." + layer + ".ffn_gate_up_exps.weight";
  }

  /** A single expert's tensor, as files had them before experts were stacked. */
  static String single(Part part, int layer, int expert) {
    return "blk." + layer + "." + stem(part) + "." + expert + ".weight";
  }

  private static String stem(Part part) {
    return switch (part) {
      case GATE -> "ffn_gate";
      case UP -> "ffn_up";
      case DOWN -> "ffn_down";
      default -> throw new IllegalArgumentException(part + " is no part of an MLP");
    };
  }
}
