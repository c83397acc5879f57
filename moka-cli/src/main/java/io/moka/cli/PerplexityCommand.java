package io.moka.cli;

import io.moka.Moka;
import io.moka.RequestException;
import io.moka.engine.Perplexity;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka perplexity}: how well a model foretells a text. */
@Command(
    name = "perplexity",
    description =
        "Measures how well a model foretells a text, over windows that each begin with an empty"
            + " cache; tokens after the last full window do not count.",
    footer = {
      "",
      "Examples:",
      "  moka perplexity --text story.txt --window 64",
      "  moka perplexity path/to/model --ids ids.json --json",
    })
final class PerplexityCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;

  @Option(names = "--ids", paramLabel = "FILE", description = "JSON array of token ids.")
  private Optional<Path> ids = Optional.empty();

  @Option(
      names = "--text",
      paramLabel = "FILE",
      description = "Text, which the model's tokenizer turns into ids; - for standard input.")
  private Optional<String> text = Optional.empty();

  @Option(
      names = "--window",
      paramLabel = "N",
      defaultValue = "256",
      description = "Predictions in a window of N+1 tokens. Default: ${DEFAULT-VALUE}.")
  private int window = 256;

  @Option(names = "--json", description = "Write JSON: tokens, mean_nll, perplexity.")
  private boolean json;

  PerplexityCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    if (ids.isPresent() == text.isPresent()) {
      throw model.usage("give either --ids or --text");
    }
    if (window < 1) {
      throw model.usage("--window must be at least 1, not " + window);
    }
    try (Moka moka = model.loadModel()) {
      if (window > moka.contextLength()) {
        throw new RequestException(
            "a window of " + window + " does not fit the context of " + moka.contextLength());
      }
      List<Integer> tokens = tokens(moka);
      if (tokens.size() <= window) {
        throw new RequestException(
            ids.map(Path::toString).or(() -> text.map(TextInput::name)).orElseThrow()
                + ": holds "
                + tokens.size()
                + " tokens; a window of "
                + window
                + " predictions needs "
                + (window + 1L)
                + ". Give a longer text, or a smaller --window.");
      }
      print(moka.perplexity(tokens, window));
    }
  }

  private List<Integer> tokens(Moka moka) {
    int[] tokens =
        ids.isPresent()
            ? TokenIds.read(ids.get(), moka.config().vocabSize())
            : moka.tokenizer()
                .encode(new TextInput(environment).read(text.orElseThrow()), true, false);
    return Arrays.stream(tokens).boxed().toList();
  }

  private void print(Perplexity result) {
    String format =
        json
            ? "{\"tokens\": %d, \"mean_nll\": %s, \"perplexity\": %s}%n"
            : "tokens      %d%nmean nll    %.6f%nperplexity  %.6f%n";
    environment
        .out()
        .print(
            String.format(Locale.ROOT, format, result.tokens(), result.meanNll(), result.value()));
  }
}
