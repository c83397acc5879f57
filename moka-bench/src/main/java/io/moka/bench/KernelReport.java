package io.moka.bench;

import io.moka.kernels.cpu.vector.RoofProbe;
import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import java.util.Collection;
import java.util.Locale;
import java.util.TreeSet;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Runs the kernel benchmarks with JMH's own options, then prints each beside the limits of the
 * machine, measured before and after in this run.
 */
public final class KernelReport {
  /** Several times the last-level cache that a core can use. */
  private static final long PROBE_BYTES = 1L << 30;

  private KernelReport() {}

  /**
   * Runs and reports.
   *
   * @param arguments options of JMH: a pattern of names, -p rows=1, -f 1, ...
   * @throws RunnerException when a benchmark fails
   */
  public static void main(String[] arguments) throws RunnerException {
    CommandLineOptions options;
    try {
      options = new CommandLineOptions(arguments);
    } catch (CommandLineOptionException e) {
      System.err.println("KernelReport: " + e.getMessage());
      System.exit(2);
      return;
    }
    int threads = Runtime.getRuntime().availableProcessors();
    Roof before = RoofProbe.measure(threads, PROBE_BYTES);
    Collection<RunResult> results = new Runner(options).run();
    Roof after = RoofProbe.measure(threads, PROBE_BYTES);
    print(results, before, after);
  }

  private static void print(Collection<RunResult> results, Roof before, Roof after) {
    double bandwidth = Math.max(before.bandwidth(), after.bandwidth());
    double flops = Math.max(before.flops(), after.flops());
    System.out.printf(
        Locale.ROOT,
        "%nlimits: reads %.1f and %.1f GB/s, computes %.0f and %.0f GFLOP/s in float32, before and"
            + " after; shares are of the higher%n%n"
            + "| kernel | ns a call | +- | GB/s | of reading | GFLOP/s | of FMA |%n"
            + "| --- | ---: | ---: | ---: | ---: | ---: | ---: |%n",
        before.bandwidth() * 1e-9,
        after.bandwidth() * 1e-9,
        before.flops() * 1e-9,
        after.flops() * 1e-9);
    for (RunResult result : results) {
      Work work = Work.of(result.getParams());
      double nanos = nanos(result);
      System.out.printf(
          Locale.ROOT,
          "| %s | %.0f | %.1f %% | %.1f | %.0f %% | %.0f | %.0f %% |%n",
          name(result),
          nanos,
          100 * result.getPrimaryResult().getScoreError() / result.getPrimaryResult().getScore(),
          work.bytes() / nanos,
          100 * work.bytes() / (nanos * 1e-9) / bandwidth,
          work.flops() / nanos,
          100 * work.flops() / (nanos * 1e-9) / flops);
    }
  }

  private static double nanos(RunResult result) {
    TimeValue unit = new TimeValue(1, result.getParams().getTimeUnit());
    return result.getPrimaryResult().getScore()
        * unit.convertTo(java.util.concurrent.TimeUnit.NANOSECONDS);
  }

  private static String name(RunResult result) {
    String benchmark = result.getParams().getBenchmark();
    StringBuilder name = new StringBuilder(benchmark.substring(benchmark.lastIndexOf('.') + 1));
    for (String key : new TreeSet<>(result.getParams().getParamsKeys())) {
      name.append(' ').append(key).append('=').append(result.getParams().getParam(key));
    }
    return name.toString();
  }
}
