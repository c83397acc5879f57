package io.moka.cli;

import io.moka.RequestException;
import io.moka.checkpoint.Checkpoint;
import io.moka.engine.BlockAllocator;
import io.moka.engine.Cancellation;
import io.moka.engine.EngineState;
import io.moka.engine.Forward;
import io.moka.engine.Logits;
import io.moka.engine.Perplexity;
import io.moka.kernels.KvCache;
import io.moka.text.Tokenizer;
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
    try (Checkpoint checkpoint = model.openCheckpoint()) {
      int context = checkpoint.config().maxPositionEmbeddings();
      if (window > context) {
        throw new RequestException(
            "a window of " + window + " does not fit the model's context of " + context);
      }
      List<Integer> tokens = tokens(checkpoint);
      if (tokens.size() <= window) {
        throw new RequestException(
            ids.map(Path::toString).or(() -> text).orElseThrow()
                + ": holds "
                + tokens.size()
                + " tokens; a window of "
                + window
                + " predictions needs "
                + (window + 1L)
                + ". Give a longer text, or a smaller --window.");
      }
      print(measure(checkpoint, tokens));
    }
  }

  private List<Integer> tokens(Checkpoint checkpoint) {
    if (ids.isPresent()) {
      return boxed(TokenIds.read(ids.get(), checkpoint.config().vocabSize()));
    }
    String content = new TextInput(environment).read(text.orElseThrow());
    Path folder =
        checkpoint
            .folder()
            .orElseThrow(() -> new RequestException("a dummy model has no tokenizer; give --ids"));
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      return boxed(tokenizer.encode(content, true, false));
    }
  }

  private static List<Integer> boxed(int[] tokens) {
    return Arrays.stream(tokens).boxed().toList();
  }

  private Perplexity measure(Checkpoint checkpoint, List<Integer> tokens) {
    int blocks = (window + KvCache.BLOCK_TOKENS - 1) / KvCache.BLOCK_TOKENS;
    try (OpenModel open = model.load(checkpoint);
        KvCache cache = open.transformer().newCache(model.kvType(), blocks)) {
      EngineState state =
          new EngineState(
              Forward.of(open.transformer(), cache),
              new BlockAllocator(blocks),
              window,
              EngineState.DEFAULT_CHUNK_ROWS);
      return Perplexity.measure(new Logits(state, new Cancellation()), tokens, window);
    }
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
