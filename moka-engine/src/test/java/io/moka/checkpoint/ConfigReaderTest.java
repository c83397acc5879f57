package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.moka.ModelException;
import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.weights.Activation;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.util.RawValue;

class ConfigReaderTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  @TempDir private Path temp;

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "vocab_size; 3.0; whole number",
        "vocab_size; \"3\"; whole number",
        "vocab_size; 16777217; 16777216",
        "vocab_size; 1e3; whole number",
        "vocab_size; true; whole number",
        "vocab_size; null; is missing",
        "hidden_size; 0; hidden_size",
        "hidden_size; -48; hidden_size",
        "hidden_size; 99999999999999999999; hidden_size",
        "num_hidden_layers; 1001; num_hidden_layers",
        "num_hidden_layers; []; num_hidden_layers",
        "num_attention_heads; 5; divisor of the 5",
        "num_key_value_heads; 3; divisor of the 4",
        "head_dim; 15; even",
        "num_experts; 4097; num_experts",
        "num_experts; 0; num_experts",
        "num_experts_per_tok; 9; at most the 8 experts",
        "num_local_experts; 9; the same as",
        "max_position_embeddings; 0; max_position_embeddings",
        "rms_norm_eps; 0; rms_norm_eps",
        "rms_norm_eps; \"1e-6\"; rms_norm_eps",
        "rms_norm_eps; 1e999; rms_norm_eps",
        "hidden_act; \"gelu\"; hidden_act",
        "hidden_act; \"relu2\"; hidden_act",
        "hidden_act; 3; hidden_act",
        "rope_theta; -1; rope_theta",
        "rope_theta; 1e400; rope_theta",
        "rope_scaling; {\"rope_type\": \"llama3\"}; rope_scaling.rope_type",
        "rope_scaling; {\"type\": \"dynamic\", \"factor\": 2}; rope_scaling.type",
        "rope_scaling; {\"type\": \"yarn\"}; rope_scaling.factor",
        "rope_scaling; {\"type\": \"yarn\", \"factor\": 4, \"truncate\": false}; truncate",
        "rope_scaling; {\"type\": \"linear\", \"factor\": 2, \"mrope_section\": [1]};"
            + " mrope_section",
        "rope_scaling; {\"type\": \"linear\", \"factor\": 0.5}; rope_scaling.factor",
        "rope_scaling; {\"rope_theta\": 5e5, \"type\": \"default\"}; rope_theta",
        "rope_scaling; 3; an object",
        "rope_parameters; {\"rope_type\": \"longrope\"}; rope_parameters.rope_type",
        "rope_parameters; {\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5};"
            + " partial_rotary",
        "rope_parameters; {\"full_attention\": {\"rope_type\": \"default\"}}; full_attention",
        "quantization_config; {\"bits\": 4}; quantization_config",
        "partial_rotary_factor; 0.25; partial_rotary_factor",
        "layer_types; [\"full_attention\"]; layer_types",
        "layer_types; [\"full_attention\", \"sliding_attention\"]; layer_types",
        "n_shared_experts; 1; n_shared_experts",
        "scoring_func; \"sigmoid\"; scoring_func",
        "routed_scaling_factor; 2.5; routed_scaling_factor",
        "mlp_only_layers; [0.5]; mlp_only_layers",
        "mlp_only_layers; [-1]; mlp_only_layers",
        "decoder_sparse_step; 0; decoder_sparse_step",
        "eos_token_id; 131; eos_token_id",
        "eos_token_id; [1, -1]; eos_token_id",
        "bos_token_id; -1; bos_token_id",
        "norm_topk_prob; 1; true or false",
        "tie_word_embeddings; \"false\"; true or false",
        "model_type; \"llama\"; model_type",
        "model_type; 4; model_type",
      })
  void refusesByName(String key, String value, String message) {
    assertThatThrownBy(() -> read(with("qwen3moe-f32", key, value)))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining(message)
        .hasMessageContaining("config.json");
  }

  @Test
  void allProblemsComeAtOnce() {
    ObjectNode config = with("qwen3moe-f32", "hidden_act", "\"relu\"");
    config.put("vocab_size", "131").put("attn_logit_softcapping", 30.0).remove("hidden_size");
    assertThatThrownBy(() -> read(config))
        .hasMessageContainingAll(
            "hidden_act", "vocab_size", "attn_logit_softcapping", "\"hidden_size\" is missing");
  }

  @Test
  void manyTensorsAreRefusedBeforeTheyAreListed() {
    ObjectNode config = with("qwen3moe-f32", "num_hidden_layers", "1000");
    config.put("num_experts", 4096);
    assertThatThrownBy(() -> read(config)).hasMessageContaining("more than 262144 tensors");
  }

  @Test
  void neutralValuesOfUnsupportedKeysAndUnknownKeysPass() {
    ObjectNode config = with("qwen3moe-f32", "quantization_config", "null");
    config.put("routed_scaling_factor", 1.0).put("n_shared_experts", 0).put("mlp_bias", false);
    config
        .put("some_training_switch", 17)
        .putArray("layer_types")
        .add("full_attention")
        .add("full_attention");
    assertThat(read(config)).isEqualTo(read(golden("qwen3moe-f32")));
  }

  @Test
  void absentKeysHaveTheDefaultsOfTheirArchitecture() {
    ObjectNode qwen = golden("qwen3moe-f32");
    qwen.remove("norm_topk_prob");
    qwen.remove("rope_theta");
    qwen.remove("rms_norm_eps");
    qwen.remove("head_dim");
    qwen.remove("eos_token_id");
    qwen.remove("hidden_act");
    assertThat(read(qwen).moe().normTopkProb()).isFalse();
    assertThat(read(qwen).rope().theta()).isEqualTo(1e4);
    assertThat(read(qwen).rmsNormEps()).isEqualTo(1e-6f);
    assertThat(read(qwen).headDim()).isEqualTo(12);
    assertThat(read(qwen).eosTokenIds()).isEmpty();
    assertThat(read(qwen).hiddenAct()).isEqualTo(Activation.SILU);
    ObjectNode mixtral = golden("mixtral-f32");
    mixtral.remove("rope_theta");
    mixtral.remove("num_key_value_heads");
    assertThat(read(mixtral).rope().theta()).isEqualTo(1e6);
    assertThat(read(mixtral).numKeyValueHeads()).isEqualTo(4);
  }

  @Test
  void mixtralHasNeitherBiasesNorAChoiceToRenormalise() {
    assertThatThrownBy(() -> read(with("mixtral-f32", "attention_bias", "true")))
        .hasMessageContaining("attention_bias");
    assertThatThrownBy(() -> read(with("mixtral-f32", "norm_topk_prob", "false")))
        .hasMessageContaining("norm_topk_prob");
  }

  @Test
  void bothNamesOfTheExpertCountAreRead() {
    ObjectNode config = with("qwen3moe-f32", "num_local_experts", "8");
    config.remove("num_experts");
    assertThat(read(config)).isEqualTo(read(golden("qwen3moe-f32")));
  }

  @Test
  void aWindowOfQwenCountsOnlyWhereItIsUsedAndMeantForAllLayers() {
    ObjectNode config = with("qwen3moe-f32", "sliding_window", "16");
    assertThat(read(config).slidingWindow()).isEmpty();
    config.put("use_sliding_window", true).put("max_window_layers", 0);
    assertThat(read(config).slidingWindow()).hasValue(16);
    config.remove("max_window_layers");
    assertThat(read(config).slidingWindow()).hasValue(16);
    config.put("max_window_layers", 1);
    assertThatThrownBy(() -> read(config)).hasMessageContaining("max_window_layers");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "{\"type\": \"yarn\", \"factor\": 4}; 2048; 1.1386294361",
        "{\"type\": \"yarn\", \"factor\": 1}; 2048; 1",
        "{\"type\": \"yarn\", \"factor\": 4, \"attention_factor\": 0.5}; 2048; 0.5",
        "{\"type\": \"yarn\", \"factor\": 40, \"mscale\": 0.707, \"mscale_all_dim\": 1}; 2048;"
            + " 0.9210424",
        "{\"type\": \"yarn\", \"factor\": 4, \"mscale\": 1, \"mscale_all_dim\": 0}; 2048;"
            + " 1.1386294361",
        "{\"type\": \"yarn\", \"factor\": 2, \"original_max_position_embeddings\": 99}; 99;"
            + " 1.0693147",
      })
  void yarnIsResolvedAsTheReferenceDoes(String scaling, int original, double attentionFactor) {
    RopeScaling.Yarn yarn =
        (RopeScaling.Yarn) read(with("qwen3moe-f32", "rope_scaling", scaling)).rope().scaling();
    assertThat(yarn.originalMaxPositionEmbeddings()).isEqualTo(original);
    assertThat(yarn.attentionFactor()).isCloseTo(attentionFactor, within(1e-6));
  }

  @Test
  void linearScalingAndBothSpellings() {
    String linear = "{\"rope_type\": \"linear\", \"factor\": 2, \"rope_theta\": 1e6}";
    ObjectNode config = with("qwen3moe-f32", "rope_parameters", linear);
    config.remove("rope_theta");
    assertThat(read(config).rope()).isEqualTo(new ModelConfig.Rope(1e6, new RopeScaling.Linear(2)));
    config.set("rope_scaling", config.get("rope_parameters"));
    assertThat(read(config).rope().scaling()).isEqualTo(new RopeScaling.Linear(2));
    config.putObject("rope_scaling").put("rope_type", "linear").put("factor", 3);
    assertThatThrownBy(() -> read(config)).hasMessageContaining("rope_parameters");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "17",
        "{",
        "{} {}",
        "{\"model_type\": \"mixtral\", \"model_type\": \"mixtral\"}",
        "{\"rms_norm_eps\": NaN}",
        "{\"rms_norm_eps\": Infinity}",
        "{/* comment */}",
        "{'model_type': 'mixtral'}",
        "{\"model_type\": \"\uD800\"}"
      })
  void whatIsNoJsonObjectIsRefused(String text) {
    assertThatThrownBy(() -> read(text.getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(ModelException.class);
  }

  @Test
  void depthSizeAndEncodingAreBounded() {
    String deep = "{\"a\":" + "[".repeat(100_000) + "]".repeat(100_000) + "}";
    assertThatThrownBy(() -> read(deep.getBytes(StandardCharsets.UTF_8)))
        .isInstanceOf(ModelException.class);
    byte[] large = ("{\"a\":\"" + "x".repeat(3 << 20) + "\"}").getBytes(StandardCharsets.UTF_8);
    assertThatThrownBy(() -> read(large)).hasMessageContaining("bytes");
    assertThatThrownBy(() -> read("{}".getBytes(StandardCharsets.UTF_16BE)))
        .isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> read(new byte[] {'{', (byte) 0xC3, '}'}))
        .hasMessageContaining("UTF-8");
    assertThatThrownBy(() -> ConfigReader.read(temp)).hasMessageContaining("regular file");
  }

  @Test
  void generationDefaultsAreReadAndChecked() throws IOException {
    Path file = temp.resolve("generation_config.json");
    Files.writeString(
        file,
        "{\"do_sample\": false, \"temperature\": 0.6, \"top_k\": 20, \"top_p\": 0.95, \"min_p\":"
            + " 0,\"repetition_penalty\": 1.05, \"eos_token_id\": [3, 4], \"transformers_version\":"
            + " \"4\"}");
    GenerationDefaults defaults = GenerationConfigReader.read(file, 10);
    assertThat(defaults.doSample()).contains(false);
    assertThat(defaults.temperature()).hasValue(0.6);
    assertThat(defaults.topK()).hasValue(20);
    assertThat(defaults.topP()).hasValue(0.95);
    assertThat(defaults.minP()).hasValue(0);
    assertThat(defaults.repetitionPenalty()).hasValue(1.05);
    assertThat(defaults.eosTokenIds()).containsExactly(3, 4);
    Files.writeString(
        file, "{\"top_p\": 0, \"top_k\": -1, \"temperature\": \"hot\", \"eos_token_id\": 10}");
    assertThatThrownBy(() -> GenerationConfigReader.read(file, 10))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll("top_p", "top_k", "temperature", "eos_token_id");
    Files.writeString(file, "{\"temperature\": null}");
    assertThat(GenerationConfigReader.read(file, 10)).isEqualTo(GenerationDefaults.NONE);
  }

  private ModelConfig read(JsonNode config) {
    return read(config.toString().getBytes(StandardCharsets.UTF_8));
  }

  private ModelConfig read(byte[] bytes) {
    Path file = temp.resolve("config.json");
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
    return ConfigReader.read(file);
  }

  private static ObjectNode with(String folder, String key, String value) {
    ObjectNode config = golden(folder);
    if (value.equals("null")) {
      config.putNull(key);
    } else {
      // as written: 1e400 must stay what it is
      config.putRawValue(key, new RawValue(value));
    }
    return config;
  }

  private static ObjectNode golden(String folder) {
    Path file = GoldenCheckpointTest.GOLDEN.resolve(folder).resolve("config.json");
    try {
      return (ObjectNode) JSON.readTree(Files.readString(file));
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
