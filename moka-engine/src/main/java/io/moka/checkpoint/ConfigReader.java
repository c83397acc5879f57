package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.Moe;
import io.moka.weights.Activation;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.JsonNode;

/**
 * Reads {@code config.json} of the architectures {@code qwen3_moe} and {@code mixtral} in the older
 * and the newer spelling. Absent keys have the defaults of Hugging Face's configuration classes;
 * sizes must be given.
 */
public final class ConfigReader {
  /** The most positions any configuration may claim. */
  static final int MOST_POSITIONS = 1 << 28;

  /** Bounds what is kept per tensor; the largest public models have about 100 000. */
  static final int MOST_TENSORS = 1 << 18;

  private static final String QWEN3_MOE = "qwen3_moe";
  private static final String MIXTRAL = "mixtral";

  private final ConfigFields fields;
  private final boolean mixtral;

  private ConfigReader(ConfigFields fields, boolean mixtral) {
    this.fields = fields;
    this.mixtral = mixtral;
  }

  /**
   * Reads and checks a configuration.
   *
   * @param file {@code config.json}
   * @return the architecture
   * @throws io.moka.ModelException when the file is no configuration or asks for what Moka does not
   *     do; the message lists every problem
   */
  public static ModelConfig read(Path file) {
    return read(JsonText.readObject(file), file.toString());
  }

  /** As {@link #read(Path)}, from an object that {@code where} names in messages. */
  static ModelConfig read(JsonNode json, String where) {
    ConfigFields fields = new ConfigFields(json);
    String type = fields.optionalString("model_type").orElse("");
    if (!type.equals(QWEN3_MOE) && !type.equals(MIXTRAL)) {
      fields.problem(
          "model_type", "\"qwen3_moe\" or \"mixtral\", the architectures of this version");
      fields.throwProblems(where);
    }
    ModelConfig config = new ConfigReader(fields, type.equals(MIXTRAL)).read(type);
    fields.throwProblems(where);
    return config;
  }

  private ModelConfig read(String type) {
    UnsupportedKeys.check(fields);
    int vocabSize = fields.requiredInt("vocab_size", 1, 1 << 24);
    int hiddenSize = fields.requiredInt("hidden_size", 1, 1 << 20);
    int layers = fields.requiredInt("num_hidden_layers", 1, 1000);
    int heads = fields.requiredInt("num_attention_heads", 1, 1 << 14);
    int positions = fields.requiredInt("max_position_embeddings", 1, MOST_POSITIONS);
    OptionalInt width = fields.optionalInt("intermediate_size", 1, 1 << 22);
    Moe moe = moe(width);
    List<Boolean> moeLayers = moeLayers(layers);
    checkTensorCount(fields, moe, moeLayers);
    return new ModelConfig(
        type,
        vocabSize,
        hiddenSize,
        width.orElse(6144),
        layers,
        heads,
        keyValueHeads(heads),
        headDim(hiddenSize, heads),
        (float) fields.optionalDouble("rms_norm_eps", 1e-30, 1).orElse(mixtral ? 1e-5 : 1e-6),
        activation(),
        positions,
        attentionBias(),
        !mixtral,
        slidingWindow(layers),
        RopeReader.read(fields, positions, mixtral ? 1e6 : 1e4),
        moe,
        moeLayers,
        fields.isTrue("tie_word_embeddings"),
        fields.optionalInt("bos_token_id", 0, vocabSize - 1),
        fields.ints("eos_token_id", 0, vocabSize - 1));
  }

  private Moe moe(OptionalInt width) {
    // newer versions of transformers write either name for either architecture
    String experts = mixtral ? "num_local_experts" : "num_experts";
    String alias = mixtral ? "num_experts" : "num_local_experts";
    if (!fields.has(experts) && fields.has(alias)) {
      experts = alias;
    }
    int count = fields.requiredInt(experts, 1, 4096);
    if (fields.has(alias) && fields.optionalInt(alias, 1, 4096).orElse(count) != count) {
      fields.problem(alias, "the same as \"" + experts + "\"");
    }
    int chosen = fields.requiredInt("num_experts_per_tok", 1, 4096);
    if (chosen > count) {
      fields.problem("num_experts_per_tok", "at most the " + count + " experts there are");
    }
    int expertWidth;
    if (!mixtral) {
      expertWidth = fields.requiredInt("moe_intermediate_size", 1, 1 << 22);
    } else if (width.isPresent()) {
      expertWidth = width.getAsInt();
    } else {
      expertWidth = fields.requiredInt("intermediate_size", 1, 1 << 22);
    }
    if (mixtral && !fields.optionalBoolean("norm_topk_prob").orElse(true)) {
      fields.problem("norm_topk_prob", "true: Mixtral always divides by the sum");
    }
    return new Moe(count, chosen, expertWidth, mixtral || fields.isTrue("norm_topk_prob"));
  }

  /** A layer has experts unless it is listed as plain or falls between the sparse steps. */
  private List<Boolean> moeLayers(int layers) {
    int step = mixtral ? 1 : fields.optionalInt("decoder_sparse_step", 1, 1 << 20).orElse(1);
    Set<Integer> plain =
        mixtral ? Set.of() : new HashSet<>(fields.ints("mlp_only_layers", 0, 1 << 20));
    return IntStream.range(0, layers)
        .mapToObj(layer -> !plain.contains(layer) && (layer + 1) % step == 0)
        .toList();
  }

  static void checkTensorCount(ConfigFields fields, Moe moe, List<Boolean> moeLayers) {
    long sparse = moeLayers.stream().filter(Boolean::booleanValue).count();
    long tensors = 16L * moeLayers.size() + 3L * moe.numExperts() * sparse;
    if (tensors > MOST_TENSORS) {
      fields.add(
          sparse
              + " layers of "
              + moe.numExperts()
              + " experts are more than "
              + MOST_TENSORS
              + " tensors");
    }
  }

  private int keyValueHeads(int heads) {
    boolean asMany = mixtral && !fields.has("num_key_value_heads");
    int count = asMany ? heads : fields.requiredInt("num_key_value_heads", 1, 1 << 14);
    if (heads % count != 0) {
      fields.problem("num_key_value_heads", "a divisor of the " + heads + " attention heads");
    }
    return count;
  }

  private int headDim(int hiddenSize, int heads) {
    if (!fields.has("head_dim") && hiddenSize % heads != 0) {
      fields.problem(
          "hidden_size",
          "a multiple of the " + heads + " attention heads, as \"head_dim\" is not given");
    }
    int size =
        fields
            .optionalInt("head_dim", 1, 1 << 14)
            .orElse(Math.clamp(hiddenSize / heads, 1, 1 << 14));
    if (size % 2 != 0) {
      fields.add(
          "the size of a head is "
              + size
              + ", expected an even number: elements are rotated in pairs");
    }
    return size;
  }

  private Activation activation() {
    return switch (fields.optionalString("hidden_act").orElse("silu")) {
      case "silu", "swish" -> Activation.SILU;
      case "gelu_pytorch_tanh", "gelu_new" -> Activation.GELU;
      default -> {
        fields.problem("hidden_act", "\"silu\" or \"gelu_pytorch_tanh\"");
        yield Activation.SILU;
      }
    };
  }

  private boolean attentionBias() {
    boolean bias = fields.isTrue("attention_bias");
    if (mixtral && bias) {
      fields.problem("attention_bias", "false: Mixtral has no biases");
    }
    return bias && !mixtral;
  }

  private OptionalInt slidingWindow(int layers) {
    OptionalInt window = fields.optionalInt("sliding_window", 1, Integer.MAX_VALUE);
    if (!mixtral && !fields.isTrue("use_sliding_window")) {
      window = OptionalInt.empty();
    }
    if (!mixtral
        && window.isPresent()
        && fields.optionalInt("max_window_layers", 0, 1 << 20).orElse(0) != 0) {
      // transformers gave the window to the layers from max_window_layers on in its first versions,
      // later to all
      fields.problem(
          "max_window_layers",
          "0 or none where \"use_sliding_window\" is true: versions of transformers disagree on"
              + " it");
    }
    checkLayerTypes(layers, window.isPresent() ? "sliding_attention" : "full_attention");
    return window;
  }

  private void checkLayerTypes(int layers, String expected) {
    Optional<JsonNode> types = fields.node("layer_types");
    boolean alike =
        types.isEmpty()
            || types.get().isArray()
                && types.get().size() == layers
                && types.get().values().stream()
                    .allMatch(type -> type.isString() && type.stringValue().equals(expected));
    if (!alike) {
      fields.problem("layer_types", "\"" + expected + "\" for each of the " + layers + " layers");
    }
  }
}
