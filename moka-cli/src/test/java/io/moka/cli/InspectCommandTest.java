package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class InspectCommandTest {
  @Test
  void summarisesTheEmbeddedModel() {
    Result result = new Shell().run("inspect");
    assertThat(result.code()).isZero();
    assertThat(result.err()).isEmpty();
    assertThat(result.out())
        .contains("7,441,152, 2,722,560 active")
        .contains("4, 4 with experts")
        .contains("model.layers.3.mlp.experts.*.down_proj.weight")
        .contains("134 tensors");
    assertThat(result.out().lines()).hasSizeLessThan(100);
  }

  @Test
  void listsEveryTensorInJson() {
    Result result = new Shell().run("inspect", "--json");
    assertThat(result.code()).isZero();
    JsonNode json = JsonMapper.builder().build().readTree(result.out());
    assertThat(json.get("tensors").size()).isEqualTo(134);
    assertThat(json.get("parameters").asLong()).isEqualTo(7_441_152);
    long bytes = 0;
    for (JsonNode tensor : json.get("tensors")) {
      bytes += tensor.get("bytes").asLong();
    }
    assertThat(json.get("weight_bytes").asLong()).isEqualTo(bytes);
    assertThat(json.get("config").get("num_experts").asInt()).isEqualTo(8);
  }

  @Test
  void knowsPlainLayersWindowsAndScaledPositions() {
    assertThat(new Shell().run("inspect", golden("qwen3moe-sparse-step")).out())
        .contains("6, 2 with experts", "plain MLP");
    assertThat(new Shell().run("inspect", golden("mixtral-bf16-window24")).out())
        .contains("window of 24");
    assertThat(new Shell().run("inspect", golden("qwen3moe-yarn")).out()).contains("YaRN");
    assertThat(new Shell().run("inspect", golden("qwen3moe-yarn"), "--json").out())
        .contains("\"rope_type\" : \"yarn\"");
    assertThat(new Shell().run("inspect", golden("qwen3moe-attn-bias")).out())
        .contains("with biases");
  }

  @Test
  void knowsTheTypesOfAGgufModel() {
    String model = golden("gguf-tiny/tiny-qwen3moe-MXFP4.gguf");
    Result result = new Shell().run("inspect", model);
    assertThat(result.err()).isEmpty();
    assertThat(result.out())
        .contains("qwen3_moe", "GGUF", "27 tensors")
        .contains("MXFP4   52.2 kB in 6 tensors", "Q8_0    66.9 kB in 10 tensors")
        .containsPattern("blk.0.ffn_up_exps.weight +MXFP4 +8 x \\[32, 64]");
    JsonNode json =
        JsonMapper.builder().build().readTree(new Shell().run("inspect", model, "--json").out());
    assertThat(json.get("container").stringValue()).isEqualTo("GGUF");
    assertThat(json.get("formats").get("F32").get("tensors").intValue()).isEqualTo(11);
    assertThat(json.get("tensors").size()).isEqualTo(69);
  }

  @Test
  void countsAModelThatWouldNotFitIntoMemory() {
    Result result = new Shell().run("inspect", "--dummy", "qwen3-30b-a3b");
    assertThat(result.code()).isZero();
    assertThat(result.out()).contains("30,532,122,624, 3,353,");
  }

  private static String golden(String name) {
    return Shell.GOLDEN.resolve(name).toString();
  }
}
