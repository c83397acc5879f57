package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka inspect}: what a model is made of. */
@Command(
    name = "inspect",
    description = "Shows a model's configuration, sizes and tensors; loads no weights.",
    footer = {
      "",
      "Examples:",
      "  moka inspect path/to/model",
      "  moka inspect path/to/model --json | jq .parameters",
    })
final class InspectCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;

  @Option(names = "--json", description = "Write JSON, with every tensor.")
  private boolean json;

  InspectCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    try (Checkpoint checkpoint = model.openCheckpoint()) {
      ModelSummary summary = ModelSummary.of(model.name(), checkpoint);
      environment.out().print(json ? SummaryJson.write(summary) : SummaryText.write(summary));
    }
  }
}
