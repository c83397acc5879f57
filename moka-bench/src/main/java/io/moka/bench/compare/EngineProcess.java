package io.moka.bench.compare;

import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * A running engine: commands go to its standard input, its answers come back a line each.
 *
 * <p>The C library is told to ask for huge pages for what malloc maps (glibc from 2.35 on; others
 * ignore it). Moka asks for its own. The peers do not, many systems grant none unasked, and in a
 * virtual machine, where a miss of a small page is a walk through two tables, they then lose up to
 * two thirds of their speed.
 */
final class EngineProcess implements AutoCloseable {
  private static final String TUNABLES = "GLIBC_TUNABLES";
  private static final String HUGE_PAGES = "glibc.malloc.hugetlb";

  private final String name;
  private final Process process;
  private final BufferedWriter commands;
  private final BufferedReader answers;
  private Optional<Load> loaded = Optional.empty();
  private String description = "";

  /** What is loaded. */
  private record Load(Path file, int threads, boolean repacked) {}

  EngineProcess(String name, List<String> command) {
    this.name = name;
    try {
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
      builder.environment().merge(TUNABLES, HUGE_PAGES + "=1", EngineProcess::joinTunables);
      process = builder.start();
    } catch (IOException e) {
      throw new UncheckedIOException("cannot start " + name + ": " + e.getMessage(), e);
    }
    commands = process.outputWriter(StandardCharsets.UTF_8);
    answers = process.inputReader(StandardCharsets.UTF_8);
  }

  /** What the caller has set stays, even about huge pages. */
  static String joinTunables(String set, String added) {
    if (set.contains(HUGE_PAGES)) {
      return set;
    }
    return set.isEmpty() ? added : set + ":" + added;
  }

  /** Loads a file unless it is loaded in this way already. */
  void require(Path file, int threads, boolean repacked) {
    Load wanted = new Load(file, threads, repacked);
    if (!loaded.equals(Optional.of(wanted))) {
      loaded = Optional.empty();
      description = ask("load \"" + file + "\" " + threads + " " + (repacked ? 1 : 0));
      loaded = Optional.of(wanted);
    }
  }

  /** What computes, as the engine calls it. */
  String description() {
    return description;
  }

  /** Runs a command that is answered with nanoseconds, and adds them up. */
  long nanos(String command) {
    return Arrays.stream(ask(command).split(" ")).mapToLong(Long::parseLong).sum();
  }

  private String ask(String command) {
    try {
      commands.write(command + "\n");
      commands.flush();
      String answer = answers.readLine();
      if (answer == null) {
        throw new IllegalStateException(name + " ended at \"" + command + "\"");
      }
      if (!answer.startsWith("ok ")) {
        throw new IllegalStateException(name + " answered \"" + command + "\" with " + answer);
      }
      return answer.substring("ok ".length());
    } catch (IOException e) {
      throw new UncheckedIOException(name + " ended at \"" + command + "\"", e);
    }
  }

  /** Time that its threads have used so far. */
  Duration cpuTime() {
    return process.info().totalCpuDuration().orElse(Duration.ZERO);
  }

  /** Ends the process and waits until its memory is free. */
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
