package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class BenchCommandTest {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();

  @Test
  void comparesThePathsInOneTable() {
    Result result =
        new Shell()
            .run("bench", "--compare-paths", "--prompt", "16", "--decode", "4", "--runs", "1");
    assertThat(result.code()).as(result.err()).isZero();
    List<String> rows = result.out().lines().filter(line -> line.startsWith("| fairy")).toList();
    assertThat(rows.stream().map(row -> cell(row, 2) + " " + cell(row, 3)))
        .containsExactly(
            "dense pp16",
            "dense tg4",
            "sparse pp16",
            "sparse tg4",
            "fused, joining each step pp16",
            "fused, joining each step tg4",
            "fused, prefused pp16",
            "fused, prefused tg4");
    assertThat(rows).allSatisfy(row -> assertThat(cell(row, 4)).matches("[0-9.]+ ± [0-9.]+"));
  }

  @Test
  void aModelOfShortTextsGetsAShorterPromptUnlessOneIsAskedFor(@TempDir Path folder)
      throws IOException {
    try (Stream<Path> files = Files.list(Shell.GOLDEN.resolve("qwen3moe-f32"))) {
      for (Path file : files.toList()) {
        Files.copy(file, folder.resolve(file.getFileName()));
      }
    }
    Path config = folder.resolve("config.json");
    String text = Files.readString(config);
    String shorter =
        text.replace("\"max_position_embeddings\": 2048", "\"max_position_embeddings\": 70");
    assertThat(shorter).isNotEqualTo(text);
    Files.writeString(config, shorter);
    Result result = new Shell().run("bench", folder.toString(), "--runs", "1");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out()).contains(" pp70 ", " tg64 ");
    result = new Shell().run("bench", folder.toString(), "--prompt", "71");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("more than the model's 70");
  }

  private static String cell(String row, int index) {
    return row.split("\\|")[index].strip();
  }

  @Test
  void writesALineOfJsonForEachRun() {
    Result result =
        new Shell()
            .run(
                "bench", "--json", "--prompt", "0", "--decode", "3", "--runs", "2", "--parallel=2");
    assertThat(result.code()).as(result.err()).isZero();
    List<JsonNode> runs = result.out().lines().map(MAPPER::readTree).toList();
    assertThat(runs).hasSize(2);
    assertThat(runs)
        .allSatisfy(run -> {
          assertThat(run.get("parallel").asInt()).isEqualTo(2);
          assertThat(run.get("decode_tok_s").asDouble()).isPositive();
          assertThat(run.get("prefill_tok_s").isNull()).isTrue();
        });
  }

  @Test
  void refusesWhatCannotBeTimed() {
    refused("--prompt 0 and --decode 0 leave nothing to time", "--prompt=0", "--decode=0");
    refused("--runs must be at least 1, not 0", "--runs", "0");
    refused("--parallel must be at least 1, not -1", "--parallel=-1");
    refused("give either MODEL or --dummy, not both", "model", "--dummy", "qwen3-30b-a3b");
    refused("no shape of a dummy model", 1, "--dummy", "gpt-2");
  }

  @Test
  void refusesTextsLongerThanTheModelsBeforeAnythingIsMeasured() {
    String context = "from 1 to the model's 1024, not ";
    refused(context + "9999999", 1, "--context", "9999999");
    refused(context + "1025", 1, "--context", "1025", "--prompt", "0");
    refused("961 of context and 64 decode steps", 1, "--context", "961");
    refused("more than the model's 1024", 1, "--prompt", "1025");
    refused("more than the model's 1024", 1, "--prompt", "0", "--decode", "1025");
    refused("take fewer or shorter texts", 1, "--context", "512", "--parallel", "100000000");
  }

  private static void refused(String message, String... words) {
    refused(message, 2, words);
  }

  private static void refused(String message, int code, String... words) {
    Result result =
        new Shell().run(Stream.concat(Stream.of("bench"), Stream.of(words)).toArray(String[]::new));
    assertThat(result.err()).contains(message);
    assertThat(result.code()).isEqualTo(code);
  }
}
