package io.moka.bench;

import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.Rows;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
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

/** The product with a query projection of Qwen3-30B-A3B: [4096, 2048] in BF16, 16.8 MB. */
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
  private static final int OUTPUTS = 4096;
  private static final int COLUMNS = 2048;

  /** Enough copies that none is still in a cache when its turn comes again. */
  private static final int COPIES = 24;

  /** T. */
  @Param({"1", "4", "16", "64", "512"})
  public int rows;

  private Arena arena;
  private Kernels kernels;
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
    arena = Arena.ofShared();
    kernels = KernelChoice.AUTO.open(Runtime.getRuntime().availableProcessors());
    for (int i = 0; i < COPIES; i++) {
      weights[i] = Packer.allocate(arena, WeightFormat.BF16, OUTPUTS, COLUMNS);
      RandomWeights.fill(weights[i], random);
    }
    x = Rows.allocate(arena, rows, COLUMNS);
    out = Rows.allocate(arena, rows, OUTPUTS);
    RandomWeights.fill(x, rows, random);
    kernels.matmul(x, weights[0], MemorySegment.NULL, rows, out);
    float expected = 0;
    for (int column = 0; column < COLUMNS; column++) {
      expected = Math.fma(weights[0].get(OUTPUTS - 1, column), x.get(rows - 1, column), expected);
    }
    if (out.get(rows - 1, OUTPUTS - 1) != expected) {
      throw new IllegalStateException("the product is wrong");
    }
  }

  /** One product. */
  @Benchmark
  public void matmul() {
    turn = (turn + 1) % COPIES;
    kernels.matmul(x, weights[turn], MemorySegment.NULL, rows, out);
  }

  /** Gives the memory back. */
  @TearDown(Level.Trial)
  public void tearDown() {
    kernels.close();
    arena.close();
  }
}
