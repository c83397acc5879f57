package io.moka.bench;

import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.WeightArena;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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

/** The product with a query projection of Qwen3-30B-A3B: [4096, 2048]. */
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
public class MatmulBenchmark {
  static final int OUTPUTS = 4096;
  static final int COLUMNS = 2048;

  /** Enough copies that none is still in a cache when its turn comes again. */
  private static final int COPIES = 48;

  /** Inputs of 8 bits are off by a 254th of the largest in their block at most. */
  private static final float MOST_ERROR = 0.01f;

  /** Of the weights; {@code -p format=Q5_K} and any other can be asked for. */
  @Param({"BF16", "Q8_0", "Q4_0", "Q4_K", "Q6_K"})
  public WeightFormat format;

  /** What computes. */
  @Param({"AUTO", "VECTOR"})
  public KernelChoice kernels;

  /** How precisely inputs are taken. */
  @Param("AUTO")
  public Activations activations;

  /** T. */
  @Param({"1", "4", "16", "64", "512"})
  public int rows;

  private Arena arena;
  private Kernels opened;
  private final PackedMatrix[] weights = new PackedMatrix[COPIES];
  private Rows x;
  private Rows out;
  private int turn;

  /** The benchmark as JMH makes it. */
  public MatmulBenchmark() {}

  /** Fills weights and rows, and checks one element of the product. */
  @Setup(Level.Trial)
  public void setUp() {
    SplittableRandom random = new SplittableRandom(1);
    arena = new WeightArena();
    opened = kernels.open(Runtime.getRuntime().availableProcessors(), activations);
    for (int i = 0; i < COPIES; i++) {
      weights[i] = Packer.allocate(arena, format, OUTPUTS, COLUMNS);
      RandomWeights.fill(weights[i], random);
    }
    x = Rows.allocate(arena, rows, COLUMNS);
    out = Rows.allocate(arena, rows, OUTPUTS);
    RandomWeights.fill(x, rows, random);
    opened.matmul(x, weights[0], MemorySegment.NULL, rows, out);
    float[] row = weights[0].row(OUTPUTS - 1);
    float expected = 0;
    float magnitude = 0;
    for (int column = 0; column < COLUMNS; column++) {
      float product = row[column] * x.get(rows - 1, column);
      expected += product;
      magnitude += Math.abs(product);
    }
    if (!(Math.abs(out.get(rows - 1, OUTPUTS - 1) - expected) < MOST_ERROR * magnitude)) {
      throw new IllegalStateException("the product is wrong");
    }
  }

  /** One product. */
  @Benchmark
  public void matmul() {
    turn = (turn + 1) % COPIES;
    opened.matmul(x, weights[turn], MemorySegment.NULL, rows, out);
  }

  /** Gives the memory back. */
  @TearDown(Level.Trial)
  public void tearDown() {
    opened.close();
    arena.close();
  }
}
