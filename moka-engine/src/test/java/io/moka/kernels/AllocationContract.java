package io.moka.kernels;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.moka.kernels.TestWeights.Experts;
import io.moka.weights.Activation;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Once warm, no operation allocates on any thread. Interpreted code boxes vectors, so an operation
 * is given time until the compiler has done its work; the median of many calls must then be zero.
 */
public interface AllocationContract extends KernelsUnderTest {
  int CALLS = 101;
  long PATIENCE_NANOS = 15_000_000_000L;

  @Test
  default void nothingIsAllocatedInACall() {
    for (int threads : threadCounts()) {
      try (Kernels kernels = open(threads);
          Arena arena = Arena.ofShared();
          KvCache halves = new KvCache(KvType.F16, 1, 64, 2, 64);
          KvCache pairs = new KvCache(KvType.BF16, 1, 64, 2, 64);
          KvCache codes = new KvCache(KvType.Q8, 1, 64, 2, 64)) {
        Map<String, Runnable> calls = new LinkedHashMap<>();
        rowOperations(kernels, arena, calls);
        products(kernels, arena, calls);
        attention(kernels, arena, halves, calls);
        attention(kernels, arena, pairs, calls);
        attention(kernels, arena, codes, calls);
        Map<String, Long> allocating = new LinkedHashMap<>();
        calls.forEach((what, call) -> {
          long bytes = bytesOnceWarm(call);
          if (bytes > 0) {
            allocating.put(what, bytes);
          }
        });
        assertThat(allocating).as("bytes a call, %d threads", threads).isEmpty();
      }
    }
  }

  private static void rowOperations(Kernels kernels, Arena arena, Map<String, Runnable> calls) {
    Dice dice = new Dice("allocation of row operations");
    int rows = 9;
    Rows x = TestRows.random(arena, rows, 256, dice);
    Rows y = TestRows.random(arena, rows, 256, dice);
    Rows angles = TestRows.random(arena, rows, 64, dice);
    Tensor table = TestWeights.tensor(arena, WeightFormat.BF16, 20, 256, 1, dice);
    MemorySegment weight = TestWeights.vector(arena, 64, dice);
    int[] ids = new int[rows];
    float[] scale = new float[rows];
    Kernels.IndexedBody nothing = index -> {};
    calls.put("forEach", () -> kernels.forEach(rows, nothing));
    calls.put("embed", () -> kernels.embed(table, ids, rows, x));
    calls.put("rmsNorm", () -> kernels.rmsNorm(x, weight, 1e-6f, rows, 4, y));
    calls.put("add", () -> kernels.add(y, x, rows));
    calls.put("addScaled", () -> kernels.addScaled(x, scale, rows, y));
    calls.put("rotate", () -> kernels.rotate(x, angles, rows, 4));
    for (Activation activation : Activation.values()) {
      calls.put("gate " + activation, () -> kernels.gate(activation, x, y, rows));
    }
  }

  private static void products(Kernels kernels, Arena arena, Map<String, Runnable> calls) {
    Dice dice = new Dice("allocation of products");
    int rows = 5;
    int hidden = 256; // whole blocks of every format
    int width = 256;
    Rows x = TestRows.random(arena, rows, hidden, dice);
    Rows out = TestRows.random(arena, rows, hidden, dice);
    Rows choices = TestRows.random(arena, rows * 2, width, dice);
    RouterResult routing = TestWeights.routing(rows, 5, 2, dice);
    MemorySegment bias = TestWeights.vector(arena, hidden, dice);
    Rows results = TestRows.random(arena, rows * 2, hidden, dice);
    calls.put("combine", () -> kernels.combine(results, routing, rows, out));
    for (WeightFormat format : WeightFormat.values()) {
      PackedMatrix square = TestWeights.matrix(arena, format, hidden, hidden, 1, dice);
      List<PackedMatrix> up = TestWeights.matrices(arena, 5, format, width, hidden, dice);
      List<PackedMatrix> down = TestWeights.matrices(arena, 5, format, hidden, width, dice);
      Experts experts = TestWeights.experts(arena, 5, format, Activation.SILU, hidden, width, dice);
      calls.put("matmul of a row " + format, () -> kernels.matmul(x, square, bias, 1, out));
      calls.put("matmul " + format, () -> kernels.matmul(x, square, bias, rows, out));
      calls.put(
          "groupedMatmul " + format,
          () -> kernels.groupedMatmul(x, false, routing, up, rows, choices));
      calls.put(
          "groupedMatmul per choice " + format,
          () -> kernels.groupedMatmul(choices, true, routing, down, rows, results));
      calls.put(
          "moe of a row " + format, () -> kernels.moe(x, routing, experts.joined(), 1, false, out));
      calls.put("moe " + format, () -> kernels.moe(x, routing, experts.joined(), rows, false, out));
      calls.put(
          "moe joined in the step " + format,
          () -> kernels.moe(x, routing, experts.apart(), rows, true, out));
      Experts wider =
          TestWeights.experts(arena, 5, format, Activation.SILU, hidden, 2 * width, dice);
      calls.put(
          "moe of two widths in turn " + format,
          () -> {
            kernels.moe(x, routing, experts.joined(), rows, false, out);
            kernels.moe(x, routing, wider.joined(), rows, false, out);
          });
    }
  }

  private static void attention(
      Kernels kernels, Arena arena, KvCache cache, Map<String, Runnable> calls) {
    Dice dice = new Dice("allocation of attention");
    AttentionShape shape = new AttentionShape(6, 2, 64, Integer.MAX_VALUE);
    int rows = 5;
    Rows keys = TestRows.random(arena, rows, 128, dice);
    Rows queries = TestRows.random(arena, rows, 384, dice);
    Rows out = TestRows.random(arena, rows, 384, dice);
    SlotMap slots = slots(0, 130);
    calls.put(
        "store into " + cache.type(),
        () -> kernels.store(keys, keys, cache, 0, slots, shape, rows));
    calls.put(
        "attention over " + cache.type(),
        () -> kernels.attention(queries, cache, 0, slots, shape, rows, out));
    SlotMap last = slots(cache.blocks() * KvCache.BLOCK_TOKENS - 1, 0);
    calls.put(
        "attention of a row to a long text over " + cache.type(),
        () -> kernels.attention(queries, cache, 0, last, shape, 1, out));
  }

  private static SlotMap slots(int first, int step) {
    return new SlotMap() {
      @Override
      public int position(int row) {
        return first + step * row;
      }

      @Override
      public int block(int row, int index) {
        return index;
      }
    };
  }

  private static long bytesOnceWarm(Runnable call) {
    long start = System.nanoTime();
    while (true) {
      long median = medianBytes(call);
      if (median == 0 || System.nanoTime() - start > PATIENCE_NANOS) {
        return median;
      }
    }
  }

  private static long medianBytes(Runnable call) {
    ThreadMXBean bean = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long[] threads = bean.getAllThreadIds();
    long[] bytes = new long[CALLS];
    for (int i = 0; i < CALLS; i++) {
      long before = allocated(bean, threads);
      call.run();
      bytes[i] = allocated(bean, threads) - before;
    }
    Arrays.sort(bytes);
    return bytes[CALLS / 2];
  }

  /** One thread at a time: asking for all of them at once allocates the answer. */
  private static long allocated(ThreadMXBean bean, long[] threads) {
    long sum = 0;
    for (long thread : threads) {
      sum += Math.max(0, bean.getThreadAllocatedBytes(thread));
    }
    return sum;
  }
}
