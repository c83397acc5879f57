package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.Rope;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * Reads the rotary embedding from {@code rope_theta} and {@code rope_scaling}, or from the newer
 * {@code rope_parameters}, which holds both. YaRN is resolved as {@code modeling_rope_utils.py} of
 * Hugging Face's transformers does it.
 */
final class RopeReader {
  private static final double MOST = 1e12;
  private static final double LEAST = 1e-12;

  /**
   * Unlike the rest of a configuration every key here shapes the result, so none may be unknown.
   */
  private static final Set<String> KNOWN =
      Set.of(
          "rope_theta",
          "rope_type",
          "type",
          "factor",
          "original_max_position_embeddings",
          "attention_factor",
          "beta_fast",
          "beta_slow",
          "mscale",
          "mscale_all_dim",
          "truncate",
          "finetuned",
          "partial_rotary_factor");

  private RopeReader() {}

  static Rope read(ConfigFields fields, int maxPositionEmbeddings, double defaultTheta) {
    Optional<ConfigFields> parameters = settings(fields, "rope_parameters");
    Optional<ConfigFields> scaling = settings(fields, "rope_scaling");
    if (parameters.isPresent()
        && scaling.isPresent()
        && !fields.node("rope_scaling").equals(fields.node("rope_parameters"))) {
      fields.problem("rope_scaling", "the same as \"rope_parameters\", or one of the two only");
    }
    OptionalDouble outer = fields.optionalDouble("rope_theta", 2, MOST);
    OptionalDouble inner = theta(parameters.or(() -> scaling));
    if (outer.isPresent() && inner.isPresent() && outer.getAsDouble() != inner.getAsDouble()) {
      fields.problem("rope_theta", inner.getAsDouble() + ", which the rope parameters say");
    }
    double theta = outer.orElse(inner.orElse(defaultTheta));
    return new Rope(
        theta,
        scaling
            .or(() -> parameters)
            .map(settings -> scaling(settings, maxPositionEmbeddings))
            .orElse(new RopeScaling.None()));
  }

  private static Optional<ConfigFields> settings(ConfigFields fields, String key) {
    return fields.object(key).filter(settings -> !settings.keys().isEmpty());
  }

  private static OptionalDouble theta(Optional<ConfigFields> settings) {
    return settings.isPresent()
        ? settings.get().optionalDouble("rope_theta", 2, MOST)
        : OptionalDouble.empty();
  }

  private static RopeScaling scaling(ConfigFields settings, int maxPositionEmbeddings) {
    settings.keys().stream()
        .filter(key -> !KNOWN.contains(key))
        .forEach(key -> settings.problem(key, "none: this version does not know the key"));
    OptionalDouble partial = settings.optionalDouble("partial_rotary_factor", 0, 1);
    if (partial.orElse(1) != 1) {
      settings.problem("partial_rotary_factor", "1: heads are rotated whole");
    }
    String key = settings.has("rope_type") ? "rope_type" : "type";
    String type = settings.optionalString(key).orElse("default");
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(factor(settings));
      case "yarn" -> yarn(settings, maxPositionEmbeddings);
      default -> {
        settings.problem(key, "\"default\", \"linear\" or \"yarn\"");
        yield new RopeScaling.None();
      }
    };
  }

  private static double factor(ConfigFields settings) {
    if (!settings.has("factor")) {
      settings.problem("factor", "a number: this rope type needs it");
    }
    return settings.optionalDouble("factor", 1, 1e6).orElse(1);
  }

  private static RopeScaling yarn(ConfigFields settings, int maxPositionEmbeddings) {
    double factor = factor(settings);
    int original =
        settings
            .optionalInt("original_max_position_embeddings", 1, ConfigReader.MOST_POSITIONS)
            .orElse(maxPositionEmbeddings);
    if (!settings.optionalBoolean("truncate").orElse(true)) {
      settings.problem("truncate", "true: the ramp's bounds are rounded");
    }
    OptionalDouble given = settings.optionalDouble("attention_factor", LEAST, MOST);
    double mscale = settings.optionalDouble("mscale", 0, MOST).orElse(0);
    double mscaleAllDim = settings.optionalDouble("mscale_all_dim", 0, MOST).orElse(0);
    double computed =
        mscale != 0 && mscaleAllDim != 0
            ? attentionFactor(factor, mscale) / attentionFactor(factor, mscaleAllDim)
            : attentionFactor(factor, 1);
    return new RopeScaling.Yarn(
        factor,
        original,
        positive(settings, "beta_fast", 32),
        positive(settings, "beta_slow", 1),
        given.orElse(computed));
  }

  /** Zero stands for the default, as in the original. */
  private static double positive(ConfigFields settings, String key, double otherwise) {
    double value = settings.optionalDouble(key, 0, MOST).orElse(otherwise);
    return value == 0 ? otherwise : value;
  }

  private static double attentionFactor(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
  }
}
