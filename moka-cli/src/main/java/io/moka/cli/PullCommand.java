package io.moka.cli;

import io.moka.HubException;
import io.moka.hub.ChoiceException;
import io.moka.hub.HubSettings;
import io.moka.hub.ModelName;
import io.moka.hub.ModelPull;
import io.moka.hub.PullResult;
import java.io.PrintStream;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code moka pull}: a model from a hub into the cache. */
@Command(
    name = "pull",
    description = {
      "Fetches a model from Hugging Face, or the hub that HF_ENDPOINT names, into the Hugging Face"
          + " cache.",
      "",
      "Without FILE: config.json, tokenizer and safetensors; where a repository holds GGUF alone,"
          + " the GGUF file if there is one. Of a split file all parts come. What is there already"
          + " is not fetched again; what broke off goes on where it ended. Every file is checked"
          + " against its hash. Standard output gets the path.",
      "",
      "Variables: HF_TOKEN or hf auth login for models that have to be asked for; HF_HUB_CACHE,"
          + " HF_HOME for where the cache lies; HF_ENDPOINT; HF_HUB_OFFLINE.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moka pull Qwen/Qwen3-30B-A3B",
      "  moka pull unsloth/Qwen3-30B-A3B-GGUF:Q4_K_M",
      "  moka pull org/name:folder/file.gguf --revision v1.0",
    })
final class PullCommand implements Runnable {
  private static final int MOST_PARALLEL = 32;

  private final Environment environment;

  @Spec private CommandSpec command;

  @Mixin private final CommonOptions common = new CommonOptions();

  @Parameters(
      paramLabel = "ORG/NAME[:FILE]",
      description =
          "The model; FILE is a file's name, or a quantisation such as Q4_K_M that one file has in"
              + " its name.")
  private String model = "";

  @Option(
      names = "--revision",
      paramLabel = "REV",
      description = "Branch, tag or commit. Default: main.")
  private Optional<String> revision = Optional.empty();

  @Option(
      names = "--parallel",
      paramLabel = "N",
      defaultValue = "4",
      description = "Files at once. Default: ${DEFAULT-VALUE}.")
  private int parallel = 4;

  @Option(
      names = "--offline",
      description = "Ask nobody: say where the model lies, if it is in the cache.")
  private boolean offline;

  PullCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    ModelName name = name();
    HubSettings settings = HubSettings.of(environment.variables());
    if (offline) {
      settings = settings.withOffline(true);
    }
    long start = System.nanoTime();
    PullResult result = pull(new ModelPull(settings), name);
    environment.out().println(path(result));
    report(result, name, (System.nanoTime() - start) / 1e9);
  }

  private ModelName name() {
    ModelName name = HubName.parse(command, model);
    if (parallel < 1 || parallel > MOST_PARALLEL) {
      throw usage("--parallel must be from 1 to " + MOST_PARALLEL + ", not " + parallel);
    }
    if (revision.isEmpty()) {
      return name;
    }
    if (name.revision().isPresent()) {
      throw usage("give the revision either behind @ or by --revision, not both");
    }
    if (!ModelName.isRevision(revision.get())) {
      throw usage("--revision: \"" + revision.get() + "\" cannot be a branch, a tag or a commit");
    }
    return name.withRevision(revision.get());
  }

  private ParameterException usage(String message) {
    return new ParameterException(command.commandLine(), message);
  }

  private PullResult pull(ModelPull pull, ModelName name) {
    PullProgress progress = new PullProgress(environment);
    Thread goodbye =
        new Thread(() -> {
          progress.close();
          environment.err().println("stopped; the same command goes on where this one ended");
        });
    Runtime.getRuntime().addShutdownHook(goodbye); // for Ctrl-C
    try (progress) {
      return pull.pull(name, parallel, progress);
    } catch (ChoiceException e) {
      progress.close();
      show(e);
      throw new HubException(e.question(), e);
    } finally {
      forget(goodbye);
    }
  }

  private static void forget(Thread hook) {
    try {
      Runtime.getRuntime().removeShutdownHook(hook);
    } catch (IllegalStateException alreadyEnding) {
      // it says goodbye then
    }
  }

  private void show(ChoiceException e) {
    int width = e.choices().stream().mapToInt(choice -> choice.path().length()).max().orElse(1);
    for (ChoiceException.Choice choice : e.choices()) {
      environment
          .err()
          .println(
              String.format(
                      Locale.ROOT,
                      "  %-" + width + "s  %s",
                      Words.oneLine(choice.path()),
                      choice.size())
                  .stripTrailing());
    }
  }

  /** What the other commands take: the folder, or the file where that is the model. */
  private static Path path(PullResult result) {
    boolean gguf =
        result.files().stream()
            .allMatch(file -> file.toString().toLowerCase(Locale.ROOT).endsWith(".gguf"));
    return gguf ? result.files().getFirst() : result.snapshot();
  }

  private void report(PullResult result, ModelName name, double seconds) {
    PrintStream err = environment.err();
    int files = result.files().size();
    String all = files + (files == 1 ? " file, " : " files, ") + Words.bytes(result.totalBytes());
    if (result.fetchedBytes() == 0) {
      err.println(all + ", all in the cache already");
    } else {
      err.println(
          all
              + "; "
              + Words.bytes(result.fetchedBytes())
              + " fetched in "
              + Words.duration(Math.max(1, Math.round(seconds)))
              + ", "
              + Words.bytes((long) (result.fetchedBytes() / Math.max(seconds, 0.001)))
              + "/s");
    }
    if (common.verbose()) {
      err.println("commit " + result.commit() + " of " + name.repository());
    }
  }
}
