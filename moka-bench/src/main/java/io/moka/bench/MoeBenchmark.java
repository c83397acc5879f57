package io.moka.bench;

import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.RouterResult;
import io.moka.kernels.Rows;
import io.moka.weights.Activation;
import io.moka.weights.ExpertWeights;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.WeightArena;
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
 * One MoE layer of Qwen3-30B-A3B: 128 experts of 768, 8 a row; each call takes the experts that
 * follow those of the call before.
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
  static final int TOP_K = 8;
  static final int HIDDEN = 2048;
  static final int WIDTH = 768;
  static final int EXPERTS = 128;

  /** Odd, so that it leads past every expert. */
  static final int STEP = 37;

  /** Of the weights; {@code -p format=Q5_K} and any other can be asked for. */
  @Param({"BF16", "Q8_0", "Q4_0", "Q4_K"})
  public WeightFormat format;

  /** What computes. */
  @Param({"AUTO", "VECTOR"})
  public KernelChoice kernels;

  /** How precisely inputs are taken. */
  @Param("AUTO")
  public Activations activations;

  /** T. */
  @Param({"1", "4", "16", "512"})
  public int rows;

  /** Whether gate and up are joined at load. */
  @Param({"true", "false"})
  public boolean prefused;

  private final SplittableRandom random = new SplittableRandom(1);
  private Arena arena;
  private Kernels opened;
  private ExpertWeights experts;
  private RouterResult routing;
  private Rows x;
  private Rows out;
  private int next;

  /** The benchmark as JMH makes it. */
  public MoeBenchmark() {}

  /** Fills weights and rows. */
  @Setup(Level.Trial)
  public void setUp() {
    arena = new WeightArena();
    opened = kernels.open(Runtime.getRuntime().availableProcessors(), activations);
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
    PackedMatrix matrix = Packer.allocate(arena, format, outputs, columns);
    RandomWeights.fill(matrix, random);
    return matrix;
  }

  /** Experts that a call with some rows takes. */
  static int activeExperts(int rows) {
    return Math.min(EXPERTS, rows * TOP_K);
  }

  /** Other experts each time, so that their weights come from memory. */
  @Setup(Level.Invocation)
  public void route() {
    for (int row = 0; row < rows; row++) {
      for (int rank = 0; rank < TOP_K; rank++) {
        routing.set(row, rank, next, 1f / TOP_K);
        next = (next + STEP) % EXPERTS;
      }
    }
  }

  /** One layer. */
  @Benchmark
  public void moe() {
    opened.moe(x, routing, experts, rows, false, out);
  }

  /** Gives the memory back. */
  @TearDown(Level.Trial)
  public void tearDown() {
    opened.close();
    arena.close();
  }
}
