package io.moka.checkpoint;

import io.moka.checkpoint.ModelConfig.Moe;
import io.moka.weights.Activation;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;

/**
 * Reads the architecture from a GGUF file's metadata: {@code qwen3moe}, and {@code llama} where it
 * has experts, which is Mixtral. The defaults of absent keys are llama.cpp's.
 */
final class GgufConfigReader {
  private static final String TOKENS = "tokenizer.ggml.tokens";

  private static final String GENERAL = "general";
  private static final String TOKENIZER = "tokenizer.ggml";
  private static final String QWEN3_MOE = "qwen3moe";
  private static final String LLAMA = "llama";
  private static final int MOST_TOKENS = 1 << 24;

  private final GgufMetadata metadata;
  private final ConfigFields general;
  private final ConfigFields fields;
  private final ConfigFields tokenizer;
  private final boolean mixtral;
  private final boolean tied;

  private GgufConfigReader(
      GgufMetadata metadata, ConfigFields all, String architecture, boolean tied) {
    this.metadata = metadata;
    this.general = all.object(GENERAL).orElseThrow();
    this.fields = all.object(architecture).orElseThrow();
    this.tokenizer = all.object(TOKENIZER).orElseThrow();
    this.mixtral = architecture.equals(LLAMA);
    this.tied = tied;
  }

  /**
   * What a file says of its model.
   *
   * @param config the architecture
   * @param defaults how texts are sampled
   */
  record Result(ModelConfig config, GenerationDefaults defaults) {}

  /**
   * Reads and checks the metadata.
   *
   * @param file to name in messages
   * @param tied whether the head is the embedding table; a file has no key for it
   * @throws io.moka.ModelException when it asks for what Moka does not do; lists every problem
   */
  static Result read(GgufMetadata metadata, Path file, boolean tied) {
    String architecture = metadata.string("general.architecture").orElse("");
    boolean known = architecture.equals(QWEN3_MOE) || architecture.equals(LLAMA);
    ConfigFields all =
        GgufFields.of(metadata, List.of(GENERAL, known ? architecture : LLAMA, TOKENIZER));
    if (!known) {
      all.object(GENERAL)
          .orElseThrow()
          .problem(
              "architecture",
              "\"qwen3moe\" or \"llama\" with experts, the architectures of this version");
      all.throwProblems(file.toString());
    }
    GgufConfigReader reader = new GgufConfigReader(metadata, all, architecture, tied);
    reader.requireModel();
    all.throwProblems(file.toString());
    Result result = new Result(reader.config(), reader.defaults());
    all.throwProblems(file.toString());
    return result;
  }

  /** The rest of the metadata has no meaning for what is something else. */
  private void requireModel() {
    String type = general.optionalString("type").orElse("model");
    if (!type.equals("model")) {
      general.problem("type", "\"model\": give the file with the weights of the whole model");
    }
    if (mixtral && fields.optionalInt("expert_count", 0, 4096).orElse(0) == 0) {
      fields.problem(
          "expert_count",
          "at least 1: of this architecture only Mixture-of-Experts models are run (Mixtral)");
    }
  }

  private ModelConfig config() {
    GgufKeys.check(fields);
    if (general.optionalInt("quantization_version", 0, 1 << 20).orElse(2) != 2) {
      general.problem("quantization_version", "2; convert the model anew");
    }
    int hiddenSize = fields.requiredInt("embedding_length", 1, 1 << 20);
    int layers = fields.requiredInt("block_count", 1, 1000);
    int positions = fields.requiredInt("context_length", 1, ConfigReader.MOST_POSITIONS);
    int heads = fields.requiredInt("attention.head_count", 1, 1 << 14);
    int headDim = headDim(hiddenSize, heads);
    int vocabSize = vocabSize();
    Moe moe = moe();
    List<Boolean> moeLayers = Collections.nCopies(layers, true);
    ConfigReader.checkTensorCount(fields, moe, moeLayers);
    return new ModelConfig(
        mixtral ? "mixtral" : "qwen3_moe",
        vocabSize,
        hiddenSize,
        fields.optionalInt("feed_forward_length", 1, 1 << 22).orElse(moe.moeIntermediateSize()),
        layers,
        heads,
        keyValueHeads(heads),
        headDim,
        epsilon(),
        Activation.SILU,
        positions,
        false,
        !mixtral,
        OptionalInt.empty(),
        GgufRope.read(fields, positions, headDim),
        moe,
        moeLayers,
        tied,
        token("bos_token_id", vocabSize),
        ends(vocabSize));
  }

  private float epsilon() {
    String key = "attention.layer_norm_rms_epsilon";
    if (!fields.has(key)) {
      fields.problem(key, "a number");
    }
    return (float) fields.optionalDouble(key, 1e-30, 1).orElse(1e-6);
  }

  private int headDim(int hiddenSize, int heads) {
    String key = "attention.key_length";
    String valueKey = "attention.value_length";
    if (!fields.has(key) && hiddenSize % heads != 0) {
      fields.problem(
          "embedding_length",
          "a multiple of the %d heads, as \"%s\" is not given".formatted(heads, key));
    }
    int otherwise = Math.clamp(hiddenSize / heads, 1, 1 << 14);
    int size = fields.optionalInt(key, 1, 1 << 14).orElse(otherwise);
    if (size % 2 != 0) {
      fields.add(
          "the size of a head is "
              + size
              + ", expected an even number: elements are rotated in pairs");
    }
    if (fields.optionalInt(valueKey, 1, 1 << 14).orElse(otherwise) != size) {
      fields.problem(valueKey, size + ", the size of a key");
    }
    return size;
  }

  private int keyValueHeads(int heads) {
    int count = fields.optionalInt("attention.head_count_kv", 1, 1 << 14).orElse(heads);
    if (heads % count != 0) {
      fields.problem("attention.head_count_kv", "a divisor of the " + heads + " heads");
    }
    return count;
  }

  private Moe moe() {
    int count = fields.requiredInt("expert_count", 1, 4096);
    int chosen = fields.requiredInt("expert_used_count", 1, 4096);
    if (chosen > count) {
      fields.problem("expert_used_count", "at most the " + count + " experts there are");
    }
    return new Moe(count, chosen, expertWidth(chosen), true);
  }

  /** A width of 0 counts as absent. */
  private int expertWidth(int chosen) {
    int own = fields.optionalInt("expert_feed_forward_length", 0, 1 << 22).orElse(0);
    if (mixtral) {
      int width = fields.requiredInt("feed_forward_length", 1, 1 << 22);
      if (own != 0 && own != width) {
        fields.problem("expert_feed_forward_length", "the same as \"feed_forward_length\"");
      }
      return width;
    }
    return own != 0
        ? own
        : Math.max(1, fields.requiredInt("feed_forward_length", 1, 1 << 22) / chosen);
  }

  /** The tokens decide; a file without a vocabulary gives the number alone. */
  private int vocabSize() {
    OptionalLong tokens = length("tokens");
    checkLength("scores", tokens);
    checkLength("token_type", tokens);
    if (tokens.isEmpty()) {
      return fields.requiredInt("vocab_size", 1, MOST_TOKENS);
    }
    long count = tokens.getAsLong();
    if (count < 1 || count > MOST_TOKENS) {
      tokenizer.add("\"" + TOKENS + "\" has " + count + " elements, of at most " + MOST_TOKENS);
      return 1;
    }
    if (fields.optionalInt("vocab_size", 1, MOST_TOKENS).orElse((int) count) != count) {
      fields.problem("vocab_size", count + ", which is how many tokens there are");
    }
    return (int) count;
  }

  private void checkLength(String key, OptionalLong tokens) {
    OptionalLong length = length(key);
    if (length.isPresent() && !length.equals(tokens)) {
      tokenizer.add(
          "\"%s.%s\" has %d elements, expected as many as there are tokens, %s"
              .formatted(
                  TOKENIZER,
                  key,
                  length.getAsLong(),
                  tokens.isPresent() ? tokens.getAsLong() : "none"));
    }
  }

  private OptionalLong length(String key) {
    return metadata.length(TOKENIZER + "." + key);
  }

  private OptionalInt token(String key, int vocabSize) {
    return tokenizer.optionalInt(key, 0, vocabSize - 1);
  }

  private List<Integer> ends(int vocabSize) {
    Set<Integer> ends = new TreeSet<>();
    for (String key : List.of("eos_token_id", "eot_token_id", "eom_token_id")) {
      token(key, vocabSize).ifPresent(ends::add);
    }
    return List.copyOf(ends);
  }

  /** Newer files carry what {@code generation_config.json} holds elsewhere. */
  private GenerationDefaults defaults() {
    OptionalInt topK = general.optionalInt("sampling.top_k", -1, Integer.MAX_VALUE);
    return new GenerationDefaults(
        Optional.empty(),
        general.optionalDouble("sampling.temp", 0, 1e6),
        topK.isPresent() ? OptionalInt.of(Math.max(0, topK.getAsInt())) : topK,
        general.optionalDouble("sampling.top_p", Double.MIN_VALUE, 1),
        general.optionalDouble("sampling.min_p", 0, 1),
        general.optionalDouble("sampling.penalty_repeat", 1e-6, 1e6),
        List.of());
  }
}
