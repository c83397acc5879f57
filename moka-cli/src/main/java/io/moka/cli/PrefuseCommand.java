package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelLocator;
import io.moka.checkpoint.PackedVerifier;
import io.moka.checkpoint.PackedWriter;
import io.moka.checkpoint.Quantisation;
import io.moka.checkpoint.QuantisedCheckpoint;
import io.moka.checkpoint.RandomCheckpoint;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code moka prefuse}: packs a model once, for every later start. */
@Command(
    name = "prefuse",
    description = {
      "Packs a model into one file, which later starts map and use as it lies.",
      "",
      "The file holds all that is needed to run: weights in the order in which the kernels read"
          + " them, configuration, tokenizer and chat template. Give it where a MODEL is asked for."
          + " It belongs to this version of the layout; a later one may ask for it to be made"
          + " anew.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moka prefuse path/to/model model.moka        then: moka run model.moka -p \"Hello\"",
      "  moka prefuse path/to/model small.moka --quant q4 --verbose",
      "  moka prefuse --verify model.moka",
    })
final class PrefuseCommand implements Runnable {
  private final Environment environment;

  @Spec private CommandSpec command;

  @Mixin private final CommonOptions common = new CommonOptions();

  @Parameters(
      arity = "0..2",
      paramLabel = "MODEL OUT",
      hideParamSyntax = true,
      description =
          "What to pack, as for run, and the file to write; by custom it is a .moka file.")
  private List<String> words = List.of();

  @Option(
      names = "--quant",
      paramLabel = "TYPE",
      defaultValue = "keep",
      description =
          "What becomes of float matrices: keep, bf16, q8 (Q8_0), or q4 (Q4_0; embedding and head"
              + " Q8_0). Norms, router and biases stay as they are, and so do numbers that are"
              + " quantised already. Default: ${DEFAULT-VALUE}.")
  private Quantisation quantisation = Quantisation.KEEP;

  @Option(names = "--force", description = "Replace OUT if it exists.")
  private boolean force;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that pack. Default: one for each core. [MOKA_THREADS]")
  private Optional<Integer> threads = Optional.empty();

  @Option(
      names = "--dummy",
      paramLabel = "SPEC",
      description = "Instead of MODEL: random weights in the shape of SPEC, to measure.")
  private Optional<String> dummy = Optional.empty();

  @Option(
      names = "--verify",
      paramLabel = "FILE",
      description = "Pack nothing; compare every byte of FILE with its checksums.")
  private Optional<Path> verify = Optional.empty();

  PrefuseCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    if (verify.isPresent()) {
      boolean more = isGiven("--quant") || isGiven("--threads");
      if (!words.isEmpty() || dummy.isPresent() || force || more) {
        throw usage("--verify FILE packs nothing; give it alone");
      }
      verify(verify.get());
      return;
    }
    if (words.size() != (dummy.isPresent() ? 1 : 2)) {
      throw usage(
          dummy.isPresent() ? "give OUT alone with --dummy" : "give two names: MODEL and OUT");
    }
    if (threads.isPresent() && (threads.get() < 1 || threads.get() > 1024)) {
      throw usage("--threads must be from 1 to 1024, not " + threads.get());
    }
    if (words.getLast().isEmpty()) {
      throw usage("the name of OUT is empty");
    }
    write(Path.of(words.getLast()));
  }

  /** Whether the command line names an option; a variable or a default may have set it, too. */
  private boolean isGiven(String option) {
    return command.commandLine().getParseResult().hasMatchedOption(option);
  }

  private void verify(Path file) {
    long bytes;
    try (Progress progress = new Progress(environment, "verifying")) {
      bytes = PackedVerifier.verify(file, progress);
    }
    environment.out().println(file + ": whole, " + Words.bytes(bytes));
  }

  private void write(Path out) {
    try (Checkpoint source = open();
        QuantisedCheckpoint checkpoint = QuantisedCheckpoint.of(source, quantisation)) {
      long bytes;
      try (Progress progress = new Progress(environment, "packing")) {
        bytes = PackedWriter.write(checkpoint, out, force, threads(), progress);
      }
      new PrefuseReport(source, checkpoint, quantisation).print(environment, common.verbose());
      environment.err().println("wrote " + out + ": " + Words.bytes(bytes));
    }
  }

  private Checkpoint open() {
    if (dummy.isPresent()) {
      return RandomCheckpoint.parse(dummy.get());
    }
    return Checkpoint.open(new ModelLocator(environment.variables()).locate(words.getFirst()));
  }

  private int threads() {
    return threads.orElseGet(Runtime.getRuntime()::availableProcessors);
  }

  private ParameterException usage(String message) {
    return new ParameterException(command.commandLine(), message);
  }
}
