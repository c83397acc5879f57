package io.moka.bench.compare;

import java.nio.file.Path;
import java.util.Arrays;

/** An engine whose speed depends on its tuning alone. */
final class FakeEngine implements TimedEngine {
  private boolean repacked;

  /** Answers as the process of an engine. */
  public static void main(String[] arguments) throws Exception {
    EngineMain.serve(new FakeEngine());
  }

  @Override
  public String load(Path file, int threads, boolean repackedNow) {
    repacked = repackedNow;
    return "fake with " + threads + " threads";
  }

  @Override
  public long[] decode(int steps, int sequences, int context, boolean flash) {
    if (context == 13) {
      throw new IllegalStateException("unlucky");
    }
    long[] nanos = new long[steps];
    Arrays.fill(nanos, (repacked ? 100_000_000 : 200_000_000) + (flash == context > 0 ? 5 : 0));
    return nanos;
  }

  @Override
  public long prefill(int tokens, boolean flash) {
    return (repacked ? 4_000_000_000L : 1_000_000_000L) / (flash ? 2 : 1);
  }

  @Override
  public void close() {}
}
