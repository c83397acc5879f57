package io.moka.bench;

import io.moka.kernels.AttentionShape;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvCache;
import io.moka.kernels.KvType;
import io.moka.kernels.Rows;
import io.moka.kernels.SlotMap;
import java.lang.foreign.Arena;
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
 * Attention of one layer of Qwen3-30B-A3B, 32 query heads on 4 of keys and values: the last rows of
 * one sequence.
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
public class AttentionBenchmark {
  static final AttentionShape SHAPE = new AttentionShape(32, 4, 128, Integer.MAX_VALUE);

  /** So many layers that none is still in a cache when its turn comes again. */
  private static final int LAYERS = 8;

  /** T. */
  @Param({"1", "512"})
  public int rows;

  /** Positions that the last row sees. */
  @Param({"512", "16384"})
  public int context;

  /** How keys and values are stored. */
  @Param({"F32", "F16", "BF16", "Q8"})
  public KvType type;

  /** What computes. */
  @Param({"AUTO", "VECTOR"})
  public KernelChoice kernels;

  private Arena arena;
  private Kernels opened;
  private KvCache cache;
  private Rows queries;
  private Rows out;
  private SlotMap slots;
  private int turn;

  /** The benchmark as JMH makes it. */
  public AttentionBenchmark() {}

  /** Fills the cache. */
  @Setup(Level.Trial)
  public void setUp() {
    arena = Arena.ofShared();
    opened = kernels.open(Runtime.getRuntime().availableProcessors());
    int blocks = Math.ceilDiv(context, KvCache.BLOCK_TOKENS);
    cache = new KvCache(type, LAYERS, blocks, SHAPE.kvHeads(), SHAPE.headDim());
    SplittableRandom random = new SplittableRandom(1);
    Rows keys = Rows.allocate(arena, 1, SHAPE.kvHeads() * SHAPE.headDim());
    for (int position = 0; position < context; position++) {
      RandomWeights.fill(keys, 1, random);
      for (int layer = 0; layer < LAYERS; layer++) {
        opened.store(keys, keys, cache, layer, slotsFrom(position), SHAPE, 1);
      }
    }
    queries = Rows.allocate(arena, rows, SHAPE.heads() * SHAPE.headDim());
    out = Rows.allocate(arena, rows, SHAPE.heads() * SHAPE.headDim());
    RandomWeights.fill(queries, rows, random);
    slots = slotsFrom(context - rows);
    attention();
    // a weighted mean of numbers below one
    if (!(Math.abs(out.get(rows - 1, 0)) < 1)) {
      throw new IllegalStateException("the result is wrong: " + out.get(rows - 1, 0));
    }
  }

  private static SlotMap slotsFrom(int first) {
    return new SlotMap() {
      @Override
      public int position(int row) {
        return first + row;
      }

      @Override
      public int block(int row, int index) {
        return index;
      }
    };
  }

  /** One layer. */
  @Benchmark
  public void attention() {
    turn = (turn + 1) % LAYERS;
    opened.attention(queries, cache, turn, slots, SHAPE, rows, out);
  }

  /** Gives the memory back. */
  @TearDown(Level.Trial)
  public void tearDown() {
    opened.close();
    cache.close();
    arena.close();
  }
}
