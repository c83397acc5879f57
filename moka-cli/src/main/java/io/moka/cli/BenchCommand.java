package io.moka.cli;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.CheckpointWriter;
import io.moka.checkpoint.ModelTensors;
import io.moka.engine.Benchmark;
import io.moka.engine.WorkCount;
import io.moka.kernels.cpu.vector.RoofProbe;
import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import io.moka.model.TransformerOptions;
import io.moka.moe.MoePath;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka bench}: how fast a model is, and how near the machine's limit. */
@Command(
    name = "bench",
    description =
        "Times prefill and decode, and gives each as a share of what this machine reads and"
            + " computes, measured in the same run.",
    footer = {
      "",
      "Examples:",
      "  moka bench path/to/model",
      "  moka bench --dummy qwen3-30b-a3b:layers=8 --threads 2",
      "  moka bench --dummy qwen3-30b-a3b:layers=2 --compare-paths --prompt 512 --decode 32",
      "  moka bench --dummy qwen3-30b-a3b:layers=4 --parallel 16 --context 1024 --prompt 0",
      "  moka bench --dummy qwen3-30b-a3b:layers=4 --write folder",
    })
final class BenchCommand implements Runnable {
  private static final int DEFAULT_PROMPT = 512;

  /** Several times the last-level cache of any processor we know. */
  private static final long PROBE_BYTES = 1L << 30;

  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;

  @Option(
      names = "--prompt",
      paramLabel = "N",
      description =
          "Tokens of the prompt; 0 for none. Default: 512, or as many as a smaller model takes.")
  private Optional<Integer> prompt = Optional.empty();

  @Option(
      names = "--decode",
      paramLabel = "N",
      defaultValue = "64",
      description = "Decode steps; 0 for none. Default: ${DEFAULT-VALUE}.")
  private int decode = 64;

  @Option(
      names = "--runs",
      paramLabel = "N",
      defaultValue = "3",
      description = "Measured runs, after one that is not. Default: ${DEFAULT-VALUE}.")
  private int runs = 3;

  @Option(
      names = "--parallel",
      paramLabel = "N",
      defaultValue = "1",
      description = "Sequences in a decode step. Default: ${DEFAULT-VALUE}.")
  private int parallel = 1;

  @Option(names = "--json", description = "Write a line of JSON for each run.")
  private boolean json;

  @Option(
      names = "--compare-paths",
      description =
          "Load and time the paths through the experts one after the other: dense, sparse, fused"
              + " joining in each step, fused and prefused. Dense computes every expert for every"
              + " token and takes a multiple of the time.")
  private boolean comparePaths;

  @Option(names = "--routing-stats", description = "Say how evenly the runs used the experts.")
  private boolean routingStats;

  @Option(
      names = "--write",
      paramLabel = "FOLDER",
      description = "Write the model to FOLDER as a Hugging Face checkpoint, and time nothing.")
  private Optional<Path> write = Optional.empty();

  BenchCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    check("--prompt", prompt.orElse(DEFAULT_PROMPT), 0);
    check("--decode", decode, 0);
    check("--runs", runs, 1);
    check("--parallel", parallel, 1);
    if (prompt.orElse(DEFAULT_PROMPT) == 0 && decode == 0) {
      throw model.usage("--prompt 0 and --decode 0 leave nothing to time");
    }
    try (Checkpoint checkpoint = model.openCheckpoint()) {
      if (write.isPresent()) {
        CheckpointWriter.write(checkpoint, write.get());
        environment.err().println("wrote " + model.name() + " to " + write.get());
        return;
      }
      int longest = checkpoint.config().maxPositionEmbeddings();
      int tokens = prompt.orElse(Math.min(DEFAULT_PROMPT, longest));
      Benchmark.Plan plan =
          new Benchmark.Plan(tokens, decode, runs, parallel, model.givenContext());
      Benchmark.check(checkpoint.config(), model.kvType(checkpoint), plan);
      Roof roof = RoofProbe.measure(model.threads(), PROBE_BYTES);
      BenchReport report =
          new BenchReport(
              environment,
              model.name(),
              WorkCount.of(checkpoint),
              roof,
              json,
              model.multipliesInFloat32(checkpoint),
              ModelTensors.bytes(checkpoint) < PROBE_BYTES);
      for (TransformerOptions options : paths()) {
        time(checkpoint, options, plan, report);
      }
      report.finish(() -> RoofProbe.measure(model.threads(), PROBE_BYTES));
    }
  }

  private void check(String option, int value, int least) {
    if (value < least) {
      throw model.usage(option + " must be at least " + least + ", not " + value);
    }
  }

  private List<TransformerOptions> paths() {
    TransformerOptions chosen = model.transformerOptions();
    if (!comparePaths) {
      return List.of(chosen);
    }
    boolean random = chosen.forceRandomRouting();
    return List.of(
        new TransformerOptions(MoePath.DENSE, false, random),
        new TransformerOptions(MoePath.SPARSE, false, random),
        new TransformerOptions(MoePath.FUSED, false, random),
        new TransformerOptions(MoePath.FUSED, true, random));
  }

  private void time(
      Checkpoint checkpoint, TransformerOptions options, Benchmark.Plan plan, BenchReport report) {
    try (OpenModel open = model.load(checkpoint, options);
        Benchmark benchmark = new Benchmark(open.transformer(), model.kvType(checkpoint))) {
      List<Benchmark.Run> finished = new ArrayList<>();
      report.begin(open.kernels().description(), options);
      benchmark.run(
          plan,
          run -> {
            finished.add(run);
            report.run(run);
          });
      report.end(finished);
      if (routingStats) {
        report.routing(benchmark.routing());
      }
    }
  }
}
