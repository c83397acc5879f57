package io.moka.cli;

import io.moka.LoadOptions;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.Moka;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelLocator;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.engine.CachePlan;
import io.moka.engine.WarmUp;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.NodeThreads;
import io.moka.model.TransformerOptions;
import io.moka.moe.MoePath;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Which model, and how it is computed: the same options for every command that opens one. */
final class ModelOptions {
  static final String MODEL_VARIABLE = "MOKA_MODEL";

  private final Environment environment;

  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description =
          "Folder of a Hugging Face model, a .gguf or packed (.moka) file, or org/name or"
              + " org/name:FILE in the Hugging Face cache, FILE being a file or a quantisation, as"
              + " for moka pull. Default: the embedded model. ["
              + MODEL_VARIABLE
              + "]")
  private Optional<String> model = Optional.empty();

  @Option(
      names = "--dummy",
      paramLabel = "SPEC",
      description =
          "Instead of MODEL: random weights in the shape of SPEC, such as"
              + " qwen3-30b-a3b:layers=4, to measure without a download.")
  private Optional<String> dummy = Optional.empty();

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads that compute. Default: one for each core. [MOKA_THREADS]")
  private Optional<Integer> threads = Optional.empty();

  @Option(
      names = "--numa",
      arity = "0",
      fallbackValue = "true",
      description =
          "On a machine with several memory nodes: bind threads to them, and place the rows of"
              + " weights where they are read. [MOKA_NUMA]")
  private boolean numa;

  @Option(
      names = "--moe-path",
      paramLabel = "PATH",
      defaultValue = "fused",
      description =
          "The way through the experts: dense, sparse or fused."
              + " Default: ${DEFAULT-VALUE}. [MOKA_MOE_PATH]")
  private MoePath moePath = MoePath.FUSED;

  @Option(
      names = "--no-prefuse",
      arity = "0",
      fallbackValue = "true",
      description =
          "Join the experts' weights in every step, not once at load; shows what that costs."
              + " [MOKA_NO_PREFUSE]")
  private boolean noPrefuse;

  @Option(
      names = "--force-random-routing",
      arity = "0",
      fallbackValue = "true",
      description =
          "For load tests: each token goes to random experts. [MOKA_FORCE_RANDOM_ROUTING]")
  private boolean forceRandomRouting;

  @Option(
      names = "--kernels",
      paramLabel = "NAME",
      defaultValue = "auto",
      description =
          "What computes: auto, x86 (machine code), vector (Vector API) or reference (slow, to"
              + " compare)."
              + " Default: ${DEFAULT-VALUE}. [MOKA_KERNELS]")
  private KernelChoice kernels = KernelChoice.AUTO;

  @Option(
      names = "--activations",
      paramLabel = "NAME",
      defaultValue = "auto",
      description =
          "How precisely products take their inputs: exact (float32), int8 (for quantised weights:"
              + " 8 bits with a scale for 32), int8x2 (for quantised weights: twice 8 bits, nearly"
              + " exact), bf16 (for BF16 weights: rounded to bf16, faster with AVX-512 BF16; for"
              + " quantised ones as int8; with --kv bf16 for attention, too), or auto: int8 for"
              + " quantised weights, exact for others. Default: ${DEFAULT-VALUE}."
              + " [MOKA_ACTIVATIONS]")
  private Activations activations = Activations.AUTO;

  @Option(
      names = "--context",
      paramLabel = "N",
      description =
          "For run, chat and perplexity: the longest text, prompt and answer together, in tokens."
              + " Default: the model's, as far as memory goes. [MOKA_CONTEXT]"
              + " For bench: positions in each sequence's cache when decode begins. Default: 0.")
  private Optional<Integer> context = Optional.empty();

  @Option(
      names = "--kv",
      paramLabel = "TYPE",
      defaultValue = "auto",
      description =
          "How the cache stores keys and values: f32, f16, bf16, q8 (8 bits and scales, little"
              + " more than half of f16), or auto: f16 for quantised weights, f32 for others."
              + " Default: ${DEFAULT-VALUE}. [MOKA_KV]")
  private KvChoice kv = KvChoice.AUTO;

  /** The words of {@code --kv}. */
  enum KvChoice {
    AUTO,
    F32,
    F16,
    BF16,
    Q8
  }

  ModelOptions(Environment environment) {
    this.environment = environment;
  }

  /** Opens the files alone; no weight is read. */
  Checkpoint openCheckpoint() {
    check();
    return dummy.isPresent()
        ? RandomCheckpoint.parse(dummy.get())
        : Checkpoint.open(given().map(this::locate).orElseGet(environment::embeddedModel));
  }

  /** As {@link #loadModel}; what cannot read or write text is refused before gigabytes are read. */
  Moka loadTextModel() {
    if (dummy.isPresent()) {
      openCheckpoint().close(); // what is wrong with SPEC comes first
      throw new ModelException(
          name()
              + ": has no tokenizer, so it knows no text; bench, logits, inspect and prefuse take"
              + " dummies");
    }
    return loadModel();
  }

  /** Loads the model for text, with a bar on the terminal. */
  Moka loadModel() {
    Checkpoint checkpoint = openCheckpoint();
    Moka moka;
    try (Progress progress = new Progress(environment, "loading")) {
      moka = Moka.load(checkpoint, loadOptions().withProgress(progress));
    }
    moka.notices().forEach(notice -> environment.err().println("moka: " + Words.oneLine(notice)));
    return moka;
  }

  /** Loads the weights, with a bar on the terminal; the checkpoint stays the caller's. */
  OpenModel load(Checkpoint checkpoint) {
    return load(checkpoint, transformerOptions());
  }

  /** As {@link #load(Checkpoint)}, by another path through the experts. */
  OpenModel load(Checkpoint checkpoint, TransformerOptions options) {
    try (Progress progress = new Progress(environment, "loading");
        WarmUp _ = WarmUp.start(checkpoint, kernels, activations, kvType(checkpoint))) {
      return OpenModel.load(
          checkpoint, kernels.open(nodeThreads(), activations), options, progress);
    }
  }

  /** Whether no input of a product with the model's weights is rounded. */
  boolean multipliesInFloat32(Checkpoint checkpoint) {
    return ModelTensors.of(checkpoint.config()).keySet().stream()
        .noneMatch(key -> activations.rounds(checkpoint.describe(key).format()));
  }

  /** Threads that compute. */
  int threads() {
    return threads.orElseGet(Runtime.getRuntime()::availableProcessors);
  }

  private NodeThreads nodeThreads() {
    return numa ? NodeThreads.onThisMachine(threads()) : NodeThreads.onOneNode(threads());
  }

  /** The path through the experts. */
  TransformerOptions transformerOptions() {
    return new TransformerOptions(moePath, !noPrefuse, forceRandomRouting);
  }

  /** How the cache stores keys and values. */
  KvType kvType(Checkpoint checkpoint) {
    return loadOptions().kvType().orElseGet(() -> CachePlan.suitedType(checkpoint));
  }

  /** The context that the command line asks for; a variable means the longest text alone. */
  int givenContext() {
    return command.commandLine().getParseResult().hasMatchedOption("--context")
        ? context.orElseThrow()
        : 0;
  }

  /** How the engine is asked to load. */
  LoadOptions loadOptions() {
    LoadOptions options =
        LoadOptions.DEFAULT
            .withNuma(numa)
            .withKernels(kernels)
            .withActivations(activations)
            .withMoePath(moePath, !noPrefuse)
            .withForceRandomRouting(forceRandomRouting);
    if (threads.isPresent()) {
      options = options.withThreads(threads.get());
    }
    if (context.isPresent()) {
      options = options.withContextLength(context.get());
    }
    return switch (kv) {
      case AUTO -> options;
      case F32 -> options.withKvType(KvType.F32);
      case F16 -> options.withKvType(KvType.F16);
      case BF16 -> options.withKvType(KvType.BF16);
      case Q8 -> options.withKvType(KvType.Q8);
    };
  }

  /** What to call the model in output. */
  String name() {
    return dummy.map(spec -> "dummy " + spec).or(this::given).orElse("fairytales-moe (embedded)");
  }

  /** Whether the user named no model. */
  boolean isEmbedded() {
    return dummy.isEmpty() && given().isEmpty();
  }

  private Path locate(String text) {
    try {
      return new ModelLocator(environment.variables()).locate(text);
    } catch (ModelNotFoundException e) {
      HubName.refuseImpossibleFile(command, text);
      throw e;
    }
  }

  private Optional<String> given() {
    return model.or(() -> environment.variable(MODEL_VARIABLE));
  }

  private void check() {
    MachineCodeLimit.check(command);
    if (dummy.isPresent() && model.isPresent()) {
      throw usage("give either MODEL or --dummy, not both");
    }
    if (threads.isPresent() && (threads.get() < 1 || threads.get() > 1024)) {
      throw usage("--threads", "--threads must be from 1 to 1024, not " + threads.get());
    }
    if (context.isPresent() && context.get() < 1) {
      throw usage("--context", "--context must be at least 1, not " + context.get());
    }
    if (noPrefuse && moePath != MoePath.FUSED) {
      throw usage(
          "--no-prefuse",
          "--no-prefuse is for the fused path, not for " + moePath.name().toLowerCase(Locale.ROOT));
    }
  }

  /** An error in the value of one option; says so where a variable gave it. */
  private ParameterException usage(String option, String message) {
    return new ParameterException(command.commandLine(), message, command.findOption(option), "");
  }

  /** An error of the command line that only the values together show. */
  ParameterException usage(String message) {
    return new ParameterException(command.commandLine(), message);
  }
}
