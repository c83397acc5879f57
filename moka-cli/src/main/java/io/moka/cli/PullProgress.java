package io.moka.cli;

import io.moka.hub.PullListener;
import java.io.PrintStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * A line on the terminal that says how a pull gets on: as much as the terminal is wide. Elsewhere
 * only what a user may want to know. Any thread may report.
 */
final class PullProgress implements PullListener, AutoCloseable {
  private static final long INTERVAL_NANOS = 200_000_000;
  private static final long RATE_NANOS = 10_000_000_000L; // the rate is that of the last seconds
  private static final int CTRL_C = 2; // columns of ^C, which a terminal writes behind the line
  private static final int LEAST_BAR = 10;
  private static final int MOST_BAR = 40;

  private final PrintStream err;
  private final boolean terminal;
  private final IntSupplier columns;
  private final LongSupplier nanos;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private State state = new State(0, 0, 0, 0, 0);
  private long fetched;
  private long nextNanos;
  private int shown;
  private boolean closed;

  private record Sample(long nanos, long fetched) {}

  /**
   * How far it is.
   *
   * @param files how many are complete
   * @param allFiles of how many
   * @param bytes on the disk
   * @param allBytes of how many
   * @param bytesPerSecond at which they come; 0 where that is not known yet
   */
  record State(int files, int allFiles, long bytes, long allBytes, double bytesPerSecond) {}

  PullProgress(Environment environment) {
    this(environment, () -> columns(environment), System::nanoTime);
  }

  PullProgress(Environment environment, IntSupplier columns, LongSupplier nanos) {
    this.err = environment.err();
    this.terminal = environment.errTerminal();
    this.columns = columns;
    this.nanos = nanos;
    this.nextNanos = nanos.getAsLong();
  }

  private static int columns(Environment environment) {
    int known = Descriptors.columns(StandardStreams.errorDescriptor());
    return known > 0
        ? known
        : environment
            .variable("COLUMNS")
            .filter(text -> text.matches("[1-9]\\d{0,4}"))
            .map(Integer::parseInt)
            .orElse(80);
  }

  @Override
  public synchronized void onStart(
      int files, long totalBytes, int presentFiles, long presentBytes) {
    state = new State(presentFiles, files, presentBytes, totalBytes, 0);
    samples.add(new Sample(nanos.getAsLong(), 0));
    draw();
  }

  @Override
  public synchronized void onBytes(long bytes, boolean fromNetwork) {
    fetched += fromNetwork ? bytes : 0;
    state = state(state.files(), state.bytes() + bytes);
    drawSometimes();
  }

  @Override
  public synchronized void onFile(String path) {
    state = state(state.files() + 1, state.bytes());
    drawSometimes();
  }

  @Override
  public synchronized void onNotice(String text) {
    erase();
    err.println("moka: " + Words.oneLine(text));
    draw();
  }

  private State state(int files, long bytes) {
    return new State(files, state.allFiles(), bytes, state.allBytes(), state.bytesPerSecond());
  }

  private void drawSometimes() {
    long now = nanos.getAsLong();
    if (now - nextNanos < 0) {
      return;
    }
    nextNanos = now + INTERVAL_NANOS;
    samples.add(new Sample(now, fetched));
    while (samples.size() > 2 && now - samples.getFirst().nanos() > RATE_NANOS) {
      samples.removeFirst();
    }
    Sample first = samples.getFirst();
    double seconds = Math.max(now - first.nanos(), 1) / 1e9;
    double rate = seconds < 0.5 ? 0 : (fetched - first.fetched()) / seconds;
    state = new State(state.files(), state.allFiles(), state.bytes(), state.allBytes(), rate);
    draw();
  }

  private void draw() {
    if (!terminal || closed || state.allFiles() == 0) {
      return;
    }
    String line = line(state, width() - CTRL_C);
    err.print("\r" + line + " ".repeat(Math.max(0, Math.min(shown, width()) - line.length())));
    err.flush();
    shown = line.length();
  }

  private void erase() {
    if (shown > 0) {
      err.print("\r" + " ".repeat(Math.min(shown + CTRL_C, width())) + "\r");
      err.flush();
      shown = 0;
    }
  }

  /** What fits into a line: after the last column a terminal begins a new one. */
  private int width() {
    return columns.getAsInt() - 1;
  }

  /** Says as much as fits, the most wanted first. */
  static String line(State state, int width) {
    double share = state.allBytes() == 0 ? 1 : (double) state.bytes() / state.allBytes();
    share = Math.clamp(share, 0, 1);
    List<String> parts = new ArrayList<>();
    parts.add(String.format(Locale.ROOT, "%3d %%", (int) (share * 100)));
    parts.add(bytes(state));
    if (state.bytesPerSecond() >= 1) {
      double left = (state.allBytes() - state.bytes()) / state.bytesPerSecond();
      parts.add(Words.duration((long) Math.clamp(left, 0, 1e9)) + " left");
      parts.add(Words.bytes((long) state.bytesPerSecond()) + "/s");
    }
    if (state.allFiles() > 1) {
      parts.add(state.files() + "/" + state.allFiles() + " files");
    }
    while (parts.size() > 1 && String.join("  ", parts).length() > width) {
      parts.removeLast();
    }
    String text = String.join("  ", parts);
    int bar = Math.min(MOST_BAR, width - text.length() - "[] ".length());
    if (bar < LEAST_BAR) {
      return text;
    }
    int full = (int) (share * bar);
    return "[" + "#".repeat(full) + " ".repeat(bar - full) + "] " + text;
  }

  /** Such as 27.5/61.1 GB: in the same unit the unit comes once. */
  private static String bytes(State state) {
    String all = Words.bytes(state.allBytes());
    String done = Words.bytes(state.bytes());
    String unit = all.substring(all.indexOf(' '));
    return (done.endsWith(unit) ? done.substring(0, done.indexOf(' ')) : done) + "/" + all;
  }

  /** Takes the line away. */
  @Override
  public synchronized void close() {
    erase();
    closed = true;
  }
}
