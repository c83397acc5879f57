package io.moka.cli;

import java.io.PrintStream;
import java.util.Locale;
import java.util.function.DoubleConsumer;
import java.util.function.LongSupplier;

/**
 * A bar on the terminal for work that takes more than a second; nothing at all for shorter work or
 * where messages go elsewhere. Any thread may report.
 */
final class Progress implements DoubleConsumer, AutoCloseable {
  private static final long PATIENCE_NANOS = 1_000_000_000;
  private static final long INTERVAL_NANOS = 100_000_000;
  private static final int WIDTH = 40;

  private final PrintStream err;
  private final boolean terminal;
  private final String what;
  private final LongSupplier nanos;
  private long nextNanos;
  private boolean shown;
  private boolean closed;

  Progress(Environment environment, String what) {
    this(environment, what, System::nanoTime);
  }

  Progress(Environment environment, String what, LongSupplier nanos) {
    this.err = environment.err();
    this.terminal = environment.errTerminal();
    this.what = what;
    this.nanos = nanos;
    this.nextNanos = nanos.getAsLong() + PATIENCE_NANOS;
  }

  @Override
  public synchronized void accept(double share) {
    long now = nanos.getAsLong();
    if (!terminal || closed || now - nextNanos < 0) {
      return;
    }
    nextNanos = now + INTERVAL_NANOS;
    shown = true;
    int full = (int) (Math.clamp(share, 0, 1) * WIDTH);
    err.printf(
        Locale.ROOT,
        "\r%s [%s%s] %3d %%",
        what,
        "#".repeat(full),
        " ".repeat(WIDTH - full),
        (int) (Math.clamp(share, 0, 1) * 100));
    err.flush();
  }

  /** Takes the bar away. */
  @Override
  public synchronized void close() {
    closed = true;
    if (shown) {
      err.print("\r" + " ".repeat(what.length() + WIDTH + " [] 100 %".length()) + "\r");
      err.flush();
    }
  }
}
