package io.moka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.PackedWriter;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.engine.Perplexity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

/** The embedded model as llama.cpp quantised it, against the perplexity that llama.cpp measures. */
class GgufModelTest {
  private static final Path FOLDER = Path.of("../../shared/models/gguf");
  private static final Path IDS = Path.of("src/test/resources/fairytales-moe/valid_ids.json");

  @ParameterizedTest
  @ValueSource(
      strings = {
        "fairytales-moe-Q8_0.gguf",
        "fairytales-moe-Q4_0.gguf",
        "fairytales-moe-Q4_K_M.gguf",
        "fairytales-moe-Q2_K.gguf"
      })
  void perplexityIsThatOfLlamaCpp(String name) throws IOException {
    Path file = FOLDER.resolve(name);
    assumeTrue(Files.exists(file), file + " is not there");
    JsonNode reference = GoldenTensors.json(FOLDER.resolve("reference.json"));
    JsonNode expected = reference.get("files").get(name);
    List<Integer> ids = Arrays.stream(GoldenTensors.ids(GoldenTensors.json(IDS))).boxed().toList();
    try (Moka moka = Moka.load(file)) {
      Perplexity perplexity = moka.perplexity(ids, reference.get("window").intValue());
      assertThat(perplexity.tokens()).isEqualTo(expected.get("tokens").longValue());
      double value = expected.get("perplexity").doubleValue();
      assertThat(perplexity.value()).isCloseTo(value, within(0.005 * value));
    }
  }

  /** The same types from the same BF16 weights: scales by the least error must not do worse. */
  @ParameterizedTest
  @CsvSource({"Q8, fairytales-moe-Q8_0.gguf", "Q4, fairytales-moe-Q4_0.gguf"})
  void whatMokaQuantisesIsNoWorse(Quantisation quantisation, String name, @TempDir Path temp)
      throws IOException {
    Path reference = FOLDER.resolve("reference.json");
    assumeTrue(Files.exists(reference), reference + " is not there");
    double expected =
        GoldenTensors.json(reference).get("files").get(name).get("perplexity").doubleValue();
    List<Integer> ids = Arrays.stream(GoldenTensors.ids(GoldenTensors.json(IDS))).boxed().toList();
    Path file = temp.resolve("model.moka");
    try (Checkpoint plain = Checkpoint.open(Path.of("../models/fairytales-moe"));
        Checkpoint source = QuantisedCheckpoint.of(plain, quantisation)) {
      PackedWriter.write(source, file, false, 2, share -> {});
    }
    try (Moka moka = Moka.load(file)) {
      assertThat(moka.perplexity(ids, 256).value()).isBetween(1.49, expected * 1.0005);
    }
  }
}
