package io.moka.kernels.cpu.vector;

import io.moka.kernels.cpu.Lanes;
import io.moka.kernels.cpu.WorkerPool;
import io.moka.weights.NativeMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;

/**
 * What the machine gives right now: the read bandwidth that bounds decode and the peak of float32
 * fused multiply-adds that bounds prefill. Machines are shared, so a share of the limit means
 * something only when the limit was measured in the same run.
 */
public final class RoofProbe {
  private static final int REPETITIONS = 5;
  private static final int CHUNK_BYTES = 1 << 20;
  private static final int FMA_ROUNDS = 4_000_000;

  /** Twelve chains cover four cycles of latency on two units, with some to spare. */
  private static final int FMA_CHAINS = 12;

  private static volatile float sink;

  private RoofProbe() {}

  /**
   * The limits.
   *
   * @param oneStream bytes a second, each thread reading one ascending stream
   * @param fourStreams bytes a second, each thread reading four
   * @param flops float32 operations a second, two for each fused multiply-add
   */
  public record Roof(double oneStream, double fourStreams, double flops) {
    /**
     * The read bandwidth: the better of one and four streams a thread.
     *
     * @return bytes a second
     */
    public double bandwidth() {
      return Math.max(oneStream, fourStreams);
    }
  }

  /**
   * Measures the limits; the median of a few repetitions each.
   *
   * @param threads threads to use
   * @param bytes memory to read, several times the last-level cache; at least four megabytes for
   *     each thread are read
   * @return the limits
   */
  public static Roof measure(int threads, long bytes) {
    try (Arena arena = Arena.ofShared();
        WorkerPool pool = new WorkerPool(threads)) {
      int chunks = Math.max(1, (int) (bytes / CHUNK_BYTES) / (4 * threads)) * 4 * threads;
      MemorySegment memory = NativeMemory.allocate(arena, (long) chunks * CHUNK_BYTES);
      pool.run(
          chunks,
          (piece, worker) ->
              memory.asSlice((long) piece * CHUNK_BYTES, CHUNK_BYTES).fill((byte) 1));
      double one = median(() -> readOneStream(pool, memory, chunks));
      double four = median(() -> readFourStreams(pool, memory, chunks));
      double flops = median(() -> multiplyAdd(pool));
      return new Roof(one, four, flops);
    }
  }

  /** One repetition; yields a rate. */
  @FunctionalInterface
  private interface Repetition {
    double rate();
  }

  private static double median(Repetition repetition) {
    repetition.rate();
    double[] rates = new double[REPETITIONS];
    for (int i = 0; i < rates.length; i++) {
      rates[i] = repetition.rate();
    }
    Arrays.sort(rates);
    return rates[rates.length / 2];
  }

  private static double readOneStream(WorkerPool pool, MemorySegment memory, int chunks) {
    int threads = pool.threads();
    long each = (long) chunks / threads * CHUNK_BYTES;
    long start = System.nanoTime();
    pool.run(
        threads,
        (piece, worker) -> {
          for (long chunk = 0; chunk < each; chunk += CHUNK_BYTES) {
            long at = piece * each + chunk;
            sink = sum(memory, at, at + 64, at + 128, at + 192, 256, CHUNK_BYTES / 256);
          }
        });
    return each * threads / seconds(start);
  }

  private static double readFourStreams(WorkerPool pool, MemorySegment memory, int chunks) {
    int threads = pool.threads();
    long each = (long) chunks / threads * CHUNK_BYTES;
    long quarter = each / 4;
    long start = System.nanoTime();
    pool.run(
        threads,
        (piece, worker) -> {
          for (long chunk = 0; chunk < quarter; chunk += CHUNK_BYTES) {
            long at = piece * each + chunk;
            sink =
                sum(
                    memory,
                    at,
                    at + quarter,
                    at + 2 * quarter,
                    at + 3 * quarter,
                    64,
                    CHUNK_BYTES / 64);
          }
        });
    return each * threads / seconds(start);
  }

  /** Reads 64 bytes at each of four places, then moves all of them on. */
  private static float sum(
      MemorySegment memory, long p0, long p1, long p2, long p3, int step, int steps) {
    IntVector s0 = IntVector.zero(Lanes.INTS);
    IntVector s1 = s0;
    IntVector s2 = s0;
    IntVector s3 = s0;
    for (int i = 0; i < steps; i++) {
      for (int part = 0; part < 64; part += Lanes.BYTES) {
        long at = (long) i * step + part;
        s0 = s0.add(IntVector.fromMemorySegment(Lanes.INTS, memory, p0 + at, Lanes.ORDER));
        s1 = s1.add(IntVector.fromMemorySegment(Lanes.INTS, memory, p1 + at, Lanes.ORDER));
        s2 = s2.add(IntVector.fromMemorySegment(Lanes.INTS, memory, p2 + at, Lanes.ORDER));
        s3 = s3.add(IntVector.fromMemorySegment(Lanes.INTS, memory, p3 + at, Lanes.ORDER));
      }
    }
    return s0.add(s1).add(s2.add(s3)).lane(0);
  }

  private static double multiplyAdd(WorkerPool pool) {
    int threads = pool.threads();
    long start = System.nanoTime();
    pool.run(threads, (piece, worker) -> sink = chains(FMA_ROUNDS));
    return 2.0 * Lanes.COUNT * FMA_CHAINS * FMA_ROUNDS * threads / seconds(start);
  }

  private static float chains(int rounds) {
    FloatVector factor = FloatVector.broadcast(Lanes.FLOATS, 0.999f);
    FloatVector term = FloatVector.broadcast(Lanes.FLOATS, 0.001f);
    FloatVector a = factor;
    FloatVector b = factor;
    FloatVector c = factor;
    FloatVector d = factor;
    FloatVector e = factor;
    FloatVector f = factor;
    FloatVector g = factor;
    FloatVector h = factor;
    FloatVector i = factor;
    FloatVector j = factor;
    FloatVector k = factor;
    FloatVector l = factor;
    for (int round = 0; round < rounds; round++) {
      a = a.fma(factor, term);
      b = b.fma(factor, term);
      c = c.fma(factor, term);
      d = d.fma(factor, term);
      e = e.fma(factor, term);
      f = f.fma(factor, term);
      g = g.fma(factor, term);
      h = h.fma(factor, term);
      i = i.fma(factor, term);
      j = j.fma(factor, term);
      k = k.fma(factor, term);
      l = l.fma(factor, term);
    }
    FloatVector first = a.add(b).add(c).add(d).add(e).add(f);
    return first.add(g).add(h).add(i).add(j).add(k).add(l).lane(0);
  }

  private static double seconds(long startNanos) {
    return (System.nanoTime() - startNanos) * 1e-9;
  }
}
