package io.moka.bench.compare;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.RandomCheckpoint;
import io.moka.checkpoint.TensorKey;
import io.moka.engine.FreeMemory;
import io.moka.engine.WorkCount;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import io.moka.kernels.cpu.vector.RoofProbe;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code bench/compare}: Moka beside llama.cpp and ik_llama.cpp. */
@Command(
    name = "bench/compare",
    sortOptions = false,
    description = {
      "Measures Moka, llama.cpp and, where it is built, ik_llama.cpp on the same files, in turn.",
      "llama.cpp is installed from npm, into bench/target; the files are made here.",
    })
final class Compare implements Callable<Integer> {
  private static final String SHAPE = "qwen3-30b-a3b:layers=";
  private static final int LAYERS = 8;

  /** BF16 takes twice the bytes of Q8_0. */
  private static final int LAYERS_OF_TWO_BYTES = 4;

  /** Several times the last-level cache that a core can use. */
  private static final long PROBE_BYTES = 1L << 30;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Shows this help.")
  private boolean helpWanted;

  @Option(
      names = "--types",
      split = ",",
      defaultValue = "q4_0,q8_0,q4_k,bf16",
      description =
          "Types of the weights: any of ggml's that Moka reads. Default: ${DEFAULT-VALUE}.")
  private List<String> types = List.of();

  @Option(
      names = "--layers",
      description = "Layers of Qwen3-30B-A3B, which has 48. Default: 8, of 16-bit types 4.")
  private Optional<Integer> layers = Optional.empty();

  @Option(
      names = "--model",
      paramLabel = "FILE",
      description = "A GGUF file of your own instead of random ones.")
  private Optional<Path> model = Optional.empty();

  @Option(
      names = "--works",
      split = ",",
      defaultValue = "decode,decodex16,decode@16384,decode+busy,prefill512,prefill4096",
      description =
          "What to run: decode, decodex16 (so many sequences), decode@16384 (with so many positions"
              + " in the cache), decode+busy (beside a busy process), prefill512; any numbers."
              + " Default: ${DEFAULT-VALUE}. prefill16384 takes minutes a run.")
  private List<String> works = List.of();

  @Option(
      names = "--engines",
      split = ",",
      defaultValue = "moka,llama.cpp,ik_llama.cpp",
      description = "Which take part; ik_llama.cpp needs --ik. Default: ${DEFAULT-VALUE}.")
  private List<String> engines = List.of();

  @Option(
      names = "--ik",
      paramLabel = "FOLDER",
      description = "A checkout of ik_llama.cpp with its build in FOLDER/build.")
  private Optional<Path> ik = Optional.empty();

  @Option(
      names = "--rounds",
      defaultValue = "5",
      description = "How often each engine has its turn. Default: ${DEFAULT-VALUE}.")
  private int rounds;

  @Option(names = "--threads", defaultValue = "2", description = "Default: ${DEFAULT-VALUE}.")
  private int threads;

  @Option(
      names = "--kv",
      defaultValue = "f32",
      description =
          "Moka's cache: f32, f16, bf16 or q8; the peers' is f16. Default: ${DEFAULT-VALUE}.")
  private KvType kv = KvType.F32;

  @Option(
      names = "--kernels",
      defaultValue = "auto",
      description = "Moka's kernels, as for moka bench. Default: ${DEFAULT-VALUE}.")
  private KernelChoice kernels = KernelChoice.AUTO;

  @Option(
      names = "--activations",
      defaultValue = "auto",
      description =
          "Moka's inputs of products: exact, int8, int8x2 or bf16. Default: ${DEFAULT-VALUE}.")
  private Activations activations = Activations.AUTO;

  @Option(
      names = "--models",
      paramLabel = "FOLDER",
      description = "Where the random files are kept. Default: bench/target/models.")
  private Optional<Path> models = Optional.empty();

  @Option(names = "--json", paramLabel = "FILE", description = "Add a line for each row to FILE.")
  private Optional<Path> json = Optional.empty();

  @Option(names = "--make-only", description = "Make the files, and measure nothing.")
  private boolean makeOnly;

  private final Path home = Path.of(System.getProperty("moka.home", ""));

  /**
   * The command.
   *
   * @param arguments its options
   */
  public static void main(String[] arguments) {
    System.exit(
        new CommandLine(new Compare())
            .setCaseInsensitiveEnumValuesAllowed(true)
            .setExecutionExceptionHandler((failure, line, parsed) -> {
              System.err.println("bench/compare: " + failure.getMessage());
              return 1;
            })
            .execute(arguments));
  }

  @Override
  public Integer call() throws IOException, InterruptedException {
    List<Workload> parsed = works.stream().map(Workload::parse).toList();
    List<Contender> contenders = makeOnly ? List.of() : contenders();
    try (PrintStream lines =
        new PrintStream(
            json.isPresent()
                ? Files.newOutputStream(
                    json.get(),
                    java.nio.file.StandardOpenOption.CREATE,
                    java.nio.file.StandardOpenOption.APPEND)
                : OutputStream.nullOutputStream(),
            true,
            StandardCharsets.UTF_8)) {
      CompareReport report = new CompareReport(System.out, lines, Chip.read(), threads);
      if (model.isPresent()) {
        compare(model.get(), report, contenders, parsed);
        return 0;
      }
      for (String type : types) {
        Path file = randomFile(type);
        if (!makeOnly) {
          compare(file, report, contenders, parsed);
        }
      }
    }
    return 0;
  }

  private void compare(
      Path file, CompareReport report, List<Contender> contenders, List<Workload> parsed)
      throws IOException {
    CompareReport.Model described;
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      described = describe(file, checkpoint);
    }
    Comparison.Setup setup = new Comparison.Setup(file, threads, contenders, parsed, java());
    try (Comparison comparison =
        new Comparison(
            setup,
            FreeMemory.bytes(),
            () -> RoofProbe.measure(threads, PROBE_BYTES),
            Compare::log)) {
      comparison.run(rounds);
      report.write(described, comparison, contenders, parsed);
    }
  }

  private static CompareReport.Model describe(Path file, Checkpoint checkpoint) throws IOException {
    ModelConfig config = checkpoint.config();
    // the experts are nearly all of a model
    WeightFormat format =
        ModelTensors.of(config).keySet().stream()
            .filter(key -> key.part() == TensorKey.Part.GATE)
            .findFirst()
            .map(key -> checkpoint.describe(key).format())
            .orElseThrow();
    return new CompareReport.Model(
        String.format(
            Locale.ROOT,
            "%s, %d layers, %.1f GB",
            file.getFileName(),
            config.numHiddenLayers(),
            Files.size(file) / 1e9),
        format.name().toLowerCase(Locale.ROOT),
        format.isQuantised(),
        WorkCount.of(checkpoint),
        config.moe().numExperts(),
        config.moe().numExpertsPerTok());
  }

  private static void log(String line) {
    System.err.println(line);
  }

  private Path randomFile(String type) throws IOException {
    BlockType blocks;
    try {
      blocks = BlockType.valueOf(type.toUpperCase(Locale.ROOT));
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException("--types: \"" + type + "\" is no type of weights", e);
    }
    int count = layers.orElse(blocks.blockBytes() == 2 ? LAYERS_OF_TWO_BYTES : LAYERS);
    Path folder = models.orElse(home.resolve("bench/target/models"));
    Path file =
        folder.resolve(
            "%s%s-v%d.gguf"
                .formatted(type, layers.isPresent() ? "-" + count : "", RandomGguf.VERSION));
    if (!Files.exists(file)) {
      log("making " + file);
      try (RandomCheckpoint shape = RandomCheckpoint.parse(SHAPE + count)) {
        RandomGguf.write(file, shape.config(), blocks);
      }
    }
    return file;
  }

  private List<Contender> contenders() throws IOException, InterruptedException {
    Peers peers = new Peers(home);
    List<Contender> contenders = new ArrayList<>();
    for (String engine : engines) {
      switch (engine) {
        case Contender.MOKA -> contenders.add(moka());
        case Contender.LLAMA ->
            contenders.add(
                Contender.peer(engine, engineCommand("llama.cpp", peers.llama().toString())));
        case Contender.IK -> {
          if (ik.isPresent()) {
            contenders.add(Contender.peer(engine, List.of(peers.ik(ik.get()).toString())));
          } else {
            log("ik_llama.cpp is left out: give --ik FOLDER");
          }
        }
        default -> throw new IllegalArgumentException("--engines: \"" + engine + "\" is no engine");
      }
    }
    return contenders;
  }

  private Contender moka() {
    return new Contender(
        Contender.MOKA,
        engineCommand("moka", kernels.name(), activations.name(), kv.name()),
        false,
        precision(WeightFormat.Q8_0),
        precision(WeightFormat.BF16),
        kv.name().toLowerCase(Locale.ROOT));
  }

  /** How Moka takes the inputs of products with weights of a format. */
  private String precision(WeightFormat format) {
    if (activations.inTwoParts(format)) {
      return "int8x2";
    }
    if (activations.quantises(format)) {
      return "int8";
    }
    return activations.roundsToBf16(format) ? "bf16" : "float32";
  }

  private List<String> engineCommand(String... arguments) {
    List<String> command = new ArrayList<>(java());
    command.add(EngineMain.class.getName());
    command.addAll(List.of(arguments));
    return command;
  }

  /** The java of this process, with Moka's options. */
  private static List<String> java() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "--add-modules",
        "jdk.incubator.vector",
        "--enable-native-access=ALL-UNNAMED",
        "-Xmx512m",
        "-XX:+UseSerialGC",
        "-cp",
        System.getProperty("java.class.path"));
  }
}
