package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.Rope;
import io.moka.checkpoint.ModelConfig.RopeScaling;

/** Reads the rotary embedding from a GGUF file's metadata, as llama.cpp takes it. */
final class GgufRope {
  private static final double MOST = 1e12;

  private GgufRope() {}

  static Rope read(ConfigFields fields, int contextLength, int headDim) {
    int rotated = fields.optionalInt("rope.dimension_count", 1, 1 << 20).orElse(headDim);
    if (rotated != headDim) {
      fields.problem("rope.dimension_count", headDim + ": heads are rotated whole");
    }
    double theta = fields.optionalDouble("rope.freq_base", 2, MOST).orElse(1e4);
    return new Rope(theta, scaling(fields, contextLength));
  }

  private static RopeScaling scaling(ConfigFields fields, int contextLength) {
    String factorKey =
        fields.has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
    double given = fields.optionalDouble(factorKey, 0, 1e6).orElse(0);
    double factor = given == 0 ? 1 : given;
    if (factor < 1) {
      fields.problem(factorKey, "0 for none, or at least 1");
    }
    String type = fields.optionalString("rope.scaling.type").orElse("linear");
    if (!type.equals("yarn")) {
      requireOne(fields, "rope.scaling.attn_factor");
    }
    return switch (type) {
      case "none" -> new RopeScaling.None();
      case "linear" -> factor == 1 ? new RopeScaling.None() : new RopeScaling.Linear(factor);
      case "yarn" -> yarn(fields, factor, contextLength);
      default -> {
        fields.problem("rope.scaling.type", "\"none\", \"linear\" or \"yarn\"");
        yield new RopeScaling.None();
      }
    };
  }

  private static RopeScaling yarn(ConfigFields fields, double factor, int contextLength) {
    int original =
        fields
            .optionalInt("rope.scaling.original_context_length", 0, ConfigReader.MOST_POSITIONS)
            .orElse(0);
    // versions of llama.cpp disagree on what these two do
    requireOne(fields, "rope.scaling.yarn_attn_factor");
    requireOne(fields, "rope.scaling.yarn_ext_factor");
    double attention = fields.optionalDouble("rope.scaling.attn_factor", 1e-12, MOST).orElse(1);
    return new RopeScaling.Yarn(
        factor,
        original == 0 ? contextLength : original,
        fields.optionalDouble("rope.scaling.yarn_beta_fast", 1e-12, MOST).orElse(32),
        fields.optionalDouble("rope.scaling.yarn_beta_slow", 1e-12, MOST).orElse(1),
        attention * (factor <= 1 ? 1 : 0.1 * Math.log(factor) + 1));
  }

  private static void requireOne(ConfigFields fields, String key) {
    if (fields.optionalDouble(key, -MOST, MOST).orElse(1) != 1) {
      fields.problem(key, "1: this version does not support other values");
    }
  }
}
