package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.moka.checkpoint.ModelConfig.RopeScaling;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Activation;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Opens every golden folder and compares configuration and bytes with a second, plain way of
 * reading them.
 */
class GoldenCheckpointTest {
  static final Path GOLDEN = Path.of("src/test/resources/golden");
  private static final JsonMapper JSON = JsonMapper.builder().build();

  static Stream<Path> folders() throws IOException {
    try (Stream<Path> all = Files.list(GOLDEN)) {
      return all
          .filter(folder -> Files.exists(folder.resolve("config.json")))
          .sorted()
          .toList()
          .stream();
    }
  }

  @Test
  void allFoldersAreThere() throws IOException {
    assertThat(folders()).hasSize(11);
  }

  @ParameterizedTest
  @MethodSource("folders")
  void everyTensorHasTheBytesOfItsFile(Path folder) throws IOException {
    try (HuggingFaceCheckpoint checkpoint = HuggingFaceCheckpoint.open(folder)) {
      Map<TensorKey, List<Long>> expected = ModelTensors.of(checkpoint.config());
      for (TensorKey key : expected.keySet()) {
        Tensor tensor = checkpoint.tensor(key);
        assertThat(tensor.shape()).isEqualTo(expected.get(key));
        byte[] bytes = bytes(folder, tensor.name());
        assertThat(tensor.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
        checkpoint.release(tensor);
        assertThat(tensor.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(bytes);
        assertThat(tensor.data().isReadOnly()).isTrue();
      }
      assertThat(checkpoint.folder()).contains(folder);
      assertThat(checkpoint.generationDefaults()).isEqualTo(GenerationDefaults.NONE);
    }
  }

  @ParameterizedTest
  @MethodSource("folders")
  void sizesAreThoseOfTheFile(Path folder) throws IOException {
    JsonNode json = JSON.readTree(Files.readString(folder.resolve("config.json")));
    ModelConfig config = ConfigReader.read(folder.resolve("config.json"));
    assertThat(config.modelType()).isEqualTo(json.get("model_type").stringValue());
    assertThat(config.vocabSize()).isEqualTo(json.get("vocab_size").intValue());
    assertThat(config.hiddenSize()).isEqualTo(json.get("hidden_size").intValue());
    assertThat(config.intermediateSize()).isEqualTo(json.get("intermediate_size").intValue());
    assertThat(config.numHiddenLayers()).isEqualTo(json.get("num_hidden_layers").intValue());
    assertThat(config.numKeyValueHeads()).isEqualTo(json.get("num_key_value_heads").intValue());
    assertThat(config.rmsNormEps()).isEqualTo((float) json.get("rms_norm_eps").doubleValue());
    assertThat(config.maxPositionEmbeddings())
        .isEqualTo(json.get("max_position_embeddings").intValue());
    assertThat(config.moe().numExpertsPerTok())
        .isEqualTo(json.get("num_experts_per_tok").intValue());
    assertThat(config.bosTokenId()).isEqualTo(OptionalInt.of(1));
    assertThat(config.eosTokenIds()).containsExactly(2);
    assertThat(config.hiddenAct()).isEqualTo(Activation.SILU);
    assertThat(config.qkNorm()).isEqualTo(folder.getFileName().toString().startsWith("qwen3moe"));
  }

  @Test
  void eachFolderAddsWhatItsNameSays() {
    assertThat(config("qwen3moe-f32").moe()).isEqualTo(new ModelConfig.Moe(8, 2, 20, true));
    assertThat(config("qwen3moe-f32").headDim()).isEqualTo(16);
    assertThat(config("qwen3moe-f32").rope().scaling()).isEqualTo(new RopeScaling.None());
    assertThat(config("qwen3moe-bf16-sharded").slidingWindow()).isEmpty();
    assertThat(config("qwen3moe-f16-odd").rope().theta()).isEqualTo(1e4);
    assertThat(config("qwen3moe-sparse-step").moeLayers())
        .containsExactly(false, true, false, false, false, true);
    assertThat(config("qwen3moe-tied").tieWordEmbeddings()).isTrue();
    assertThat(config("qwen3moe-tied").rope().theta()).isEqualTo(1e6);
    assertThat(config("qwen3moe-nonorm").moe().normTopkProb()).isFalse();
    assertThat(config("qwen3moe-attn-bias").attentionBias()).isTrue();
    assertThat(config("mixtral-f32").headDim()).isEqualTo(12);
    assertThat(config("mixtral-f32").moe()).isEqualTo(new ModelConfig.Moe(8, 2, 20, true));
    assertThat(config("mixtral-bf16").headDim()).isEqualTo(16);
    assertThat(config("mixtral-bf16").slidingWindow()).isEmpty();
    assertThat(config("mixtral-bf16-window24").slidingWindow()).hasValue(24);
  }

  @Test
  void yarnIsResolved() {
    RopeScaling.Yarn yarn = (RopeScaling.Yarn) config("qwen3moe-yarn").rope().scaling();
    assertThat(yarn.factor()).isEqualTo(4);
    assertThat(yarn.originalMaxPositionEmbeddings()).isEqualTo(128);
    assertThat(yarn.betaFast()).isEqualTo(32);
    assertThat(yarn.betaSlow()).isEqualTo(1);
    assertThat(yarn.attentionFactor()).isCloseTo(1.138629436, within(1e-9));
  }

  @Test
  void theEmbeddedModelOpens() {
    try (Checkpoint checkpoint = HuggingFaceCheckpoint.open(Path.of("../models/fairytales-moe"))) {
      assertThat(checkpoint.config().eosTokenIds()).containsExactly(1882);
      GenerationDefaults defaults = checkpoint.generationDefaults();
      assertThat(defaults.eosTokenIds()).containsExactly(1882, 1880);
      assertThat(defaults.doSample()).contains(true);
      assertThat(defaults.temperature()).hasValue(0.7);
      assertThat(defaults.topK()).hasValue(20);
      assertThat(checkpoint.tensor(TensorKey.model(Part.EMBEDDING)).format())
          .isEqualTo(WeightFormat.BF16);
    }
  }

  @Test
  void filesOfExpectedValuesCanBeReadToo() {
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsFile file =
          SafetensorsFile.open(GOLDEN.resolve("qwen3moe-f32/expected.safetensors"), arena);
      assertThat(file.entries().get("short.layers.0.experts").dtype()).isEqualTo("I32");
      assertThat(file.data("short.layers.0.experts").byteSize()).isEqualTo(4L * 9 * 2);
      assertThat(file.tensor("short.logits").shape()).containsExactly(9L, 131L);
    }
  }

  private static ModelConfig config(String folder) {
    return ConfigReader.read(GOLDEN.resolve(folder).resolve("config.json"));
  }

  /** A tensor's bytes, found with nothing but the format's description. */
  private static byte[] bytes(Path folder, String name) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file :
          files.filter(f -> f.getFileName().toString().matches("model.*\\.safetensors")).toList()) {
        byte[] all = Files.readAllBytes(file);
        int length = (int) ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getLong();
        JsonNode entry =
            JSON.readTree(new String(all, 8, length, StandardCharsets.UTF_8)).get(name);
        if (entry != null) {
          int begin = 8 + length + entry.get("data_offsets").get(0).intValue();
          int end = 8 + length + entry.get("data_offsets").get(1).intValue();
          byte[] result = new byte[end - begin];
          IntStream.range(0, result.length).forEach(i -> result[i] = all[begin + i]);
          return result;
        }
      }
    }
    throw new AssertionError(name + " is in no file of " + folder);
  }
}
