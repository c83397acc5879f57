package io.moka.bench.compare;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;

/** A foreign process that keeps one core busy until it is closed or its starter ends. */
final class BusyNeighbour implements AutoCloseable {
  private static volatile long sink;

  private final Process process;

  BusyNeighbour(List<String> java) {
    List<String> command = new java.util.ArrayList<>(java);
    command.add(BusyNeighbour.class.getName());
    try {
      process = new ProcessBuilder(command).start();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start the busy process: " + e.getMessage(), e);
    }
  }

  /** The busy process itself. */
  public static void main(String[] arguments) {
    Thread watch =
        new Thread(() -> {
          try {
            while (System.in.read() >= 0) {}
          } catch (IOException e) {
            sink = e.hashCode();
          }
          Runtime.getRuntime().halt(0);
        });
    watch.start();
    for (long x = 1; ; x = x * 6364136223846793005L + 1442695040888963407L) {
      sink = x;
    }
  }

  @Override
  public void close() {
    process.destroy();
    try {
      process.waitFor();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
