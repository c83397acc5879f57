package io.moka.bench;

import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * One MoE layer of Qwen3-30B-A3B in BF16: 128 experts of 768, 8 a row, 1.2 GB; routing drawn anew
 * each call.
 */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(
    value = 2,
    jvmArgs = {
      "--add-modules=jdk.incubator.vector",
      "--enable-native-access=ALL-UNNAMED",
      "-Xmx512m"
    })
public class MoeBenchmark {
  private static final int EXPERTS = 128;
  private static final int TOP_K = 8;
  private static final int HIDDEN = 2048;
  private static final int WIDTH = 768;

  /** T. */
  @Param({"1", "4", "16", "512"})
  public int rows;

  /** Whether gate and up are joined at load. */
  @Param({"true", "false"})
  public boolean prefused;

  private final SplittableRandom random = new SplittableRandom(1);
  private Arena arena;
  private Kernels kernels;
  private ExpertWeights experts;
  private RouterResult routing;
  private Rows x;
  private Rows out;

  /** The benchmark as JMH makes it. */
  public MoeBenchmark() {}

  /** Fills weights and rows. */
  @Setup(Level.Trial)
  public void setUp() {
    arena = Arena.ofShared();
    kernels = KernelChoice.AUTO.open(Runtime.getRuntime().availableProcessors());
    List<PackedMatrix> down = new ArrayList<>();
    List<JoinedMatrix> joined = new ArrayList<>();
    List<PackedMatrix> gate = new ArrayList<>();
    List<PackedMatrix> up = new ArrayList<>();
    for (int expert = 0; expert < EXPERTS; expert++) {
      down.add(matrix(HIDDEN, WIDTH));
      if (prefused) {
        joined.add(new JoinedMatrix(matrix(JoinedMatrix.joinedRows(WIDTH), HIDDEN), WIDTH));
      } else {
        gate.add(matrix(WIDTH, HIDDEN));
        up.add(matrix(WIDTH, HIDDEN));
      }
    }
    ExpertWeights.GateUp gateUp =
        prefused ? new ExpertWeights.Joined(joined) : new ExpertWeights.Apart(gate, up);
    experts = new ExpertWeights(gateUp, down, Activation.SILU, HIDDEN, WIDTH);
    routing = new RouterResult(rows, TOP_K);
    x = Rows.allocate(arena, rows, HIDDEN);
    out = Rows.allocate(arena, rows, HIDDEN);
    RandomWeights.fill(x, rows, random);
  }

  private PackedMatrix matrix(int outputs, int columns) {
    PackedMatrix matrix = Packer.allocate(arena, WeightFormat.BF16, outputs, columns);
    RandomWeights.fill(matrix, random);
    return matrix;
  }

  /** Other experts each time, so that their weights come from memory. */
  @Setup(Level.Invocation)
  public void route() {
    for (int row = 0; row < rows; row++) {
      int first = random.nextInt(EXPERTS);
      int step = 2 * random.nextInt(EXPERTS / 2) + 1;
      for (int rank = 0; rank < TOP_K; rank++) {
        routing.set(row, rank, (first + rank * step) % EXPERTS, 1f / TOP_K);
      }
    }
  }

  /** One layer. */
  @Benchmark
  public void moe() {
    kernels.moe(x, routing, experts, rows, false, out);
  }

  /** Gives the memory back. */
  @TearDown(Level.Trial)
  public void tearDown() {
    kernels.close();
    arena.close();
  }
}
