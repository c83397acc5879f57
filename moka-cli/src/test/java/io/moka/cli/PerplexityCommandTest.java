package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class PerplexityCommandTest {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final Path REFERENCE =
      Shell.HOME.resolve("moka-engine/src/test/resources/fairytales-moe");

  @TempDir private Path folder;

  @Test
  void foretellsAsWellAsTheReference() throws IOException {
    JsonNode expected = MAPPER.readTree(Files.readString(REFERENCE.resolve("reference.json")));
    Result result =
        new Shell()
            .run("perplexity", "--ids", REFERENCE.resolve("valid_ids.json").toString(), "--json");
    assertThat(result.code()).as(result.err()).isZero();
    JsonNode found = MAPPER.readTree(result.out());
    assertThat(found.get("tokens").asLong()).isEqualTo(expected.get("tokens").asLong());
    double perplexity = expected.get("perplexity").asDouble();
    assertThat(found.get("perplexity").asDouble())
        .isCloseTo(perplexity, within(0.001 * perplexity));
    assertThat(found.get("mean_nll").asDouble())
        .isCloseTo(expected.get("mean_nll").asDouble(), within(0.001));
  }

  @Test
  void readsText() throws IOException {
    String text = "Once upon a time, a kind young king lived in a garden behind a high wall.";
    Path file = Files.writeString(folder.resolve("story.txt"), text);
    Result fromFile = new Shell().run("perplexity", "--text", file.toString(), "--window", "8");
    assertThat(fromFile.out()).startsWith("tokens      16\n").contains("perplexity  ");
    Result piped = new Shell().input(text).run("perplexity", "--text", "-", "--window", "8");
    assertThat(piped).isEqualTo(fromFile);
  }

  @Test
  void refusesWhatCannotBeMeasured() throws IOException {
    Path ids = Files.writeString(folder.resolve("ids.json"), "[1, 2, 3]");
    assertThat(new Shell().run("perplexity").code()).isEqualTo(2);
    assertThat(new Shell().run("perplexity", "--ids", "a", "--text", "b").code()).isEqualTo(2);
    assertThat(new Shell().run("perplexity", "--ids", "a", "--window", "0").code()).isEqualTo(2);
    failed("holds 3 tokens", "--ids", ids.toString());
    failed("does not fit", "--ids", ids.toString(), "--window", "1025");
    failed("there is no such file", "--text", folder.resolve("none").toString());
    failed("no tokenizer", "--dummy", "qwen3-30b-a3b:layers=1", "--text", ids.toString());
    failed("tokenizer.json", Shell.GOLDEN.resolve("mixtral-f32").toString(), "--text", "-");
  }

  private static void failed(String message, String... words) {
    String[] all = new String[words.length + 1];
    all[0] = "perplexity";
    System.arraycopy(words, 0, all, 1, words.length);
    Result result = new Shell().run(all);
    assertThat(result.code()).as(result.err()).isEqualTo(1);
    assertThat(result.err()).startsWith("moka: ").contains(message);
    assertThat(result.err().lines()).hasSize(1);
  }
}
