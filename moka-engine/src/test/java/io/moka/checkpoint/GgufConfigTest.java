package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What metadata means, and what of it is refused. */
class GgufConfigTest {
  private static final String SCALING = "qwen3moe.rope.scaling.";

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource({
    "qwen3moe.attention.scale, 0.5f",
    "qwen3moe.logit_scale, 2f",
    "qwen3moe.embedding_scale, 12f",
    "qwen3moe.residual_scale, 0.22f",
    "qwen3moe.attn_logit_softcapping, 50f",
    "qwen3moe.final_logit_softcapping, 30f",
    "qwen3moe.expert_gating_func, 2",
    "qwen3moe.expert_weights_scale, 2.5f",
    "qwen3moe.expert_weights_norm, false",
    "qwen3moe.expert_shared_count, 1",
    "qwen3moe.expert_shared_feed_forward_length, 64",
    "qwen3moe.expert_group_count, 8",
    "qwen3moe.leading_dense_block_count, 1",
    "qwen3moe.nextn_predict_layers, 1",
    "qwen3moe.attention.sliding_window, 4096",
    "qwen3moe.attention.causal, false",
    "qwen3moe.attention.clamp_kqv, 8f",
    "qwen3moe.attention.value_length, 8",
    "qwen3moe.rope.dimension_count, 2",
    "qwen3moe.rope.scaling.type, longrope",
    "qwen3moe.rope.scaling.attn_factor, 1.5f",
    "qwen3moe.rope.scaling.yarn_log_multiplier, 0.1f",
    "qwen3moe.rope.scaling.factor, 0.5f",
    "qwen3moe.unheard_of, 1",
    "qwen3moe.block_count, 0",
    "qwen3moe.expert_used_count, 4",
    "qwen3moe.attention.head_count_kv, 3",
    "qwen3moe.vocab_size, 6",
    "qwen3moe.context_length, 2f",
    "general.type, adapter",
    "general.architecture, gemma",
    "general.quantization_version, 1",
    "tokenizer.ggml.eos_token_id, 5",
    "tokenizer.ggml.bos_token_id, many"
  })
  void whatWouldChangeTheResultIsRefusedByName(String key, String value) {
    assertFails(GgufBytes.model("qwen3moe").set(key, value(value)), "\"" + key + "\" is ");
  }

  @ParameterizedTest
  @CsvSource({
    "qwen3moe.attention.scale, 0f",
    "qwen3moe.logit_scale, 1f",
    "qwen3moe.expert_gating_func, 1",
    "qwen3moe.expert_weights_scale, 1f",
    "qwen3moe.expert_weights_norm, true",
    "qwen3moe.expert_shared_count, 0",
    "qwen3moe.expert_shared_feed_forward_length, 0",
    "qwen3moe.attention.causal, true",
    "qwen3moe.rope.dimension_count, 4",
    "qwen3moe.rope.scaling.type, none",
    "qwen3moe.rope.scaling.finetuned, true",
    "qwen3moe.tensor_data_layout, Meta AI original pth",
    "qwen3moe.vocab_size, 5",
    "gemma.attention.scale, 3f",
    "general.name, x",
    "general.sampling.sequence, x",
    "quantize.imatrix.file, x"
  })
  void whatSaysNothingNewIsTaken(String key, String value) {
    assertThat(config(GgufBytes.model("qwen3moe").set(key, value(value))))
        .isEqualTo(config(GgufBytes.model("qwen3moe")));
  }

  @ParameterizedTest
  @CsvSource({
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "attention.head_count",
    "attention.layer_norm_rms_epsilon"
  })
  void sizesMustBeThere(String key) {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.pairs.remove("qwen3moe." + key);
    assertFails(file, "\"qwen3moe." + key + "\" is ");
  }

  @Test
  void headsAreOfAnEvenSize() {
    GgufBytes file = GgufBytes.model("qwen3moe").set("qwen3moe.attention.key_length", 3);
    assertFails(file, "the size of a head is 3", "value_length\" is 4, expected 3");
    file.pairs.remove("qwen3moe.attention.key_length");
    assertFails(
        file.set("qwen3moe.embedding_length", 13),
        "embedding_length\" is 13, expected a multiple of the 4 heads");
  }

  @Test
  void everyProblemIsInOneMessage() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.set("qwen3moe.block_count", -1).set("qwen3moe.logit_scale", 3f);
    assertFails(file, "block_count\" is 4294967295", "logit_scale\" is 3.0");
  }

  @Test
  void architecturesAreNamed() {
    GgufBytes file = new GgufBytes();
    assertFails(file, "\"general.architecture\" is nothing, expected \"qwen3moe\" or \"llama\"");
    GgufBytes plain = GgufBytes.model("llama");
    plain.pairs.remove("llama.expert_count");
    assertFails(plain, "\"llama.expert_count\" is nothing, expected at least 1", "Mixtral");
    assertFails(plain.set("llama.expert_count", 0), "only Mixture-of-Experts models");
  }

  @Test
  void theDefaultsAreThoseOfLlamaCpp() {
    GgufBytes file = GgufBytes.model("llama").set("llama.embedding_length", 24);
    for (String key :
        List.of(
            "attention.head_count_kv",
            "attention.key_length",
            "attention.value_length",
            "rope.freq_base")) {
      file.pairs.remove("llama." + key);
    }
    ModelConfig config = GgufConfigReader.read(read(file), Path.of("model.gguf"), false).config();
    assertThat(config.modelType()).isEqualTo("mixtral");
    assertThat(config.qkNorm()).isFalse();
    assertThat(config.numKeyValueHeads()).isEqualTo(4);
    assertThat(config.headDim()).isEqualTo(6);
    assertThat(config.rope().theta()).isEqualTo(1e4);
  }

  @Test
  void aNumberForEachLayerMustAlwaysBeTheSame() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.array("qwen3moe.attention.head_count", GgufType.INT32, 4, 4);
    file.array("qwen3moe.feed_forward_length", GgufType.UINT32, 6, 6);
    assertThat(config(file)).isEqualTo(config(GgufBytes.model("qwen3moe")));
    assertFails(
        file.array("qwen3moe.attention.head_count", GgufType.INT32, 4, 2),
        "head_count\" is [4,2], expected a whole number");
    assertFails(file.array("qwen3moe.attention.head_count", GgufType.INT32, 4, 4, 4), "[4,4,4]");
  }

  @Test
  void anExpertsWidthMayFollowFromThatOfAllInUse() {
    GgufBytes file = GgufBytes.model("qwen3moe").set("qwen3moe.feed_forward_length", 12);
    file.pairs.remove("qwen3moe.expert_feed_forward_length");
    assertThat(config(file).moe().moeIntermediateSize()).isEqualTo(6);
    assertFails(
        GgufBytes.model("llama").set("llama.expert_feed_forward_length", 5),
        "\"llama.expert_feed_forward_length\" is 5");
  }

  @Test
  void ropesAreScaledAsTheTypeSays() {
    GgufBytes file = GgufBytes.model("qwen3moe").set(SCALING + "factor", 4f);
    assertThat(scaling(file)).isEqualTo(new RopeScaling.Linear(4));
    assertThat(scaling(file.set(SCALING + "type", "linear"))).isEqualTo(new RopeScaling.Linear(4));
    assertThat(scaling(file.set(SCALING + "type", "none"))).isEqualTo(new RopeScaling.None());
    double factor = 0.1 * Math.log(4) + 1;
    assertThat(scaling(file.set(SCALING + "type", "yarn")))
        .isEqualTo(new RopeScaling.Yarn(4, 64, 32, 1, factor));
    file.set(SCALING + "original_context_length", 16).set(SCALING + "attn_factor", 2f);
    file.set(SCALING + "yarn_beta_fast", 30f).set(SCALING + "yarn_beta_slow", 2f);
    assertThat(scaling(file)).isEqualTo(new RopeScaling.Yarn(4, 16, 30, 2, 2 * factor));
    GgufBytes old = GgufBytes.model("qwen3moe").set("qwen3moe.rope.scale_linear", 2f);
    assertThat(scaling(old)).isEqualTo(new RopeScaling.Linear(2));
  }

  @Test
  void aFileWithoutVocabularyGivesItsSize() {
    GgufBytes file = GgufBytes.model("qwen3moe").set("qwen3moe.vocab_size", 5);
    file.pairs.keySet().removeIf(key -> key.startsWith("tokenizer."));
    assertThat(config(file).vocabSize()).isEqualTo(5);
    file.pairs.remove("qwen3moe.vocab_size");
    assertFails(file, "\"qwen3moe.vocab_size\" is missing");
  }

  @Test
  void arraysOfTheVocabularyAreEquallyLong() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.array("tokenizer.ggml.scores", GgufType.FLOAT32, 1f, 2f);
    file.array("tokenizer.ggml.token_type", GgufType.INT32, 1, 1, 1, 1, 1, 1);
    assertFails(
        file,
        "\"tokenizer.ggml.scores\" has 2 elements, expected as many as there are tokens, 5",
        "\"tokenizer.ggml.token_type\" has 6");
  }

  @Test
  void endsAndSamplingComeFromTheFile() {
    GgufBytes file = GgufBytes.model("qwen3moe");
    file.set("tokenizer.ggml.eot_token_id", 4).set("tokenizer.ggml.bos_token_id", 2);
    file.set("general.sampling.temp", 0.6f).set("general.sampling.top_p", 0.5f);
    file.raw("general.sampling.top_k", GgufType.INT32, GgufBytes.bytes(-1));
    ModelConfig config = config(file);
    assertThat(config.eosTokenIds()).containsExactly(3, 4);
    assertThat(config.bosTokenId()).isEqualTo(OptionalInt.of(2));
    try (GgufCheckpoint checkpoint = open(file)) {
      GenerationDefaults defaults = checkpoint.generationDefaults();
      assertThat(defaults.temperature()).hasValue(0.6f);
      assertThat(defaults.topP()).hasValue(0.5);
      assertThat(defaults.topK()).hasValue(0);
      assertThat(defaults.minP()).isEmpty();
    }
    assertFails(file.set("general.sampling.temp", -1f), "\"general.sampling.temp\" is -1.0");
  }

  private static Object value(String text) {
    if (text.matches("-?[0-9]+")) {
      return Integer.parseInt(text);
    }
    if (text.matches("[0-9.]+f")) {
      return Float.parseFloat(text);
    }
    return text.equals("true") || text.equals("false") ? (Object) Boolean.valueOf(text) : text;
  }

  private GgufCheckpoint open(GgufBytes file) {
    return GgufCheckpoint.open(file.write(temp.resolve("model.gguf")));
  }

  private ModelConfig config(GgufBytes file) {
    try (GgufCheckpoint checkpoint = open(file)) {
      return checkpoint.config();
    }
  }

  private RopeScaling scaling(GgufBytes file) {
    return config(file).rope().scaling();
  }

  private static GgufMetadata read(GgufBytes file) {
    return GgufHeader.read(MemorySegment.ofArray(file.build()), "m").metadata();
  }

  private void assertFails(GgufBytes file, String... messages) {
    assertThatThrownBy(() -> open(file))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll(messages);
  }
}
