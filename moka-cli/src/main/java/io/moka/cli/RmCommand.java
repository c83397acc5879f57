package io.moka.cli;

import io.moka.HubException;
import io.moka.hub.CacheRemoval;
import io.moka.hub.HubCache;
import io.moka.hub.ModelName;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code moka rm}: a model, a revision or a file out of the cache. */
@Command(
    name = "rm",
    description = {
      "Removes a model, a revision of it or a file from the Hugging Face cache, and with it what no"
          + " other snapshot needs. Asks first.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moka rm Qwen/Qwen3-30B-A3B",
      "  moka rm Qwen/Qwen3-30B-A3B@v1.0 --yes",
      "  moka rm unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M",
      "  moka rm org/name --unfinished             what broke off, and nothing else",
    })
final class RmCommand implements Runnable {
  private final Environment environment;

  @Spec private CommandSpec command;

  @Mixin private final CommonOptions common = new CommonOptions();

  @Parameters(
      paramLabel = "ORG/NAME[@REV][:FILE]",
      description =
          "The model; REV is a branch, a tag or the beginning of a commit; FILE is a file's name or"
              + " a quantisation.")
  private String model = "";

  @Option(names = "--yes", description = "Do not ask.")
  private boolean yes;

  @Option(names = "--unfinished", description = "Remove unfinished downloads alone.")
  private boolean unfinished;

  RmCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    ModelName name = HubName.parse(command, model);
    if (unfinished && (name.revision().isPresent() || name.file().isPresent())) {
      throw new ParameterException(
          command.commandLine(), "--unfinished is for a whole model: " + name.repository());
    }
    HubCache cache = HubCache.of(environment.variables());
    CacheRemoval removal =
        unfinished
            ? CacheRemoval.ofUnfinished(cache, name.repository())
            : CacheRemoval.of(cache, name);
    if (!yes && !isWanted(name, removal)) {
      throw new HubException(name + ": nothing was removed");
    }
    String what = unfinished ? "the unfinished downloads of " + name : name.toString();
    environment.err().println("removed " + what + ", " + Words.bytes(removal.run()) + " freed");
  }

  private boolean isWanted(ModelName name, CacheRemoval removal) {
    environment
        .err()
        .print(
            Words.oneLine(
                "Remove "
                    + name
                    + ": "
                    + removal.describe()
                    + ", "
                    + Words.bytes(removal.bytes())
                    + "? [y/N] "));
    environment.err().flush();
    return switch (new PipedLines(environment.in()).read("")) {
      case TypedText.Text(String text) -> text.strip().matches("(?i)y|yes");
      case TypedText.Interrupted _, TypedText.End _ -> {
        environment.err().println();
        yield false;
      }
    };
  }
}
