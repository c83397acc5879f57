package io.moka.bench.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** How much the processors have worked, for whomever. */
final class CpuTime {
  private static final Path STAT = Path.of("/proc/stat");

  /** The unit of the file's numbers: a hundredth of a second on every Linux. */
  private static final long TICK_MILLIS = 10;

  private CpuTime() {}

  /** Time that all processors have worked since the system started, or were taken by the host. */
  static Duration busy() {
    try {
      return parse(Files.readAllLines(STAT).getFirst());
    } catch (IOException e) {
      return Duration.ZERO;
    }
  }

  /** Reads the line {@code cpu user nice system idle iowait irq softirq steal ...}. */
  static Duration parse(String line) {
    String[] words = line.split(" +");
    long ticks = 0;
    for (int column : new int[] {1, 2, 3, 6, 7, 8}) {
      ticks += Long.parseLong(words[column]);
    }
    return Duration.ofMillis(ticks * TICK_MILLIS);
  }
}
