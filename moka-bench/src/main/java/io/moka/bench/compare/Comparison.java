package io.moka.bench.compare;

import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Supplier;
import java.util.function.ToDoubleFunction;

/**
 * Runs engines on one file in turn: A B C, A B C, ... so that a change of the machine's mood meets
 * all of them. Where memory holds the model once for each engine, all stay loaded and wait asleep;
 * otherwise each turn loads one engine, lets it do every piece of work, and ends it.
 */
final class Comparison implements AutoCloseable {
  /** What an engine needs beside the weights: workspace, cache, the code itself. */
  private static final long OTHER_BYTES = 2L << 30;

  private static final int TRIAL_STEPS = 12;

  /** Work of others, in cores, that is told. */
  private static final double NOTABLE_CORES = 0.1;

  private final Path file;
  private final int threads;
  private final List<Contender> contenders;
  private final List<Workload> works;
  private final List<String> java;
  private final Supplier<Roof> probe;
  private final Consumer<String> log;
  private final boolean together;
  private final Map<Contender, EngineProcess> running = new LinkedHashMap<>();
  private final Map<Cell, Tuning> tunings = new HashMap<>();
  private final Map<Cell, List<Turn>> turns = new HashMap<>();
  private final Map<Contender, String> descriptions = new HashMap<>();
  private final Map<Cell, Double> disturbances = new HashMap<>();
  private final List<Roof> roofs = new ArrayList<>();

  /**
   * What runs on what.
   *
   * @param file the model
   * @param threads threads of each engine
   * @param contenders the engines, in the order of their turns
   * @param works what each does in its turn
   * @param java starts a java process, up to the name of its class
   */
  record Setup(
      Path file,
      int threads,
      List<Contender> contenders,
      List<Workload> works,
      List<String> java) {}

  /** One engine on one piece of work. */
  record Cell(Contender contender, Workload work) {}

  /** Tokens a second, and the cores that others used meanwhile. */
  private record Sample(double rate, double others) {}

  /** Tokens a second, and how often the limits had been measured before. */
  private record Turn(double rate, int limits) {}

  /**
   * A comparison.
   *
   * @param setup what runs on what
   * @param freeBytes memory that the engines may fill
   * @param probe measures the machine's limits
   * @param log is told what happens
   */
  Comparison(Setup setup, long freeBytes, Supplier<Roof> probe, Consumer<String> log)
      throws IOException {
    this.file = setup.file;
    this.threads = setup.threads;
    this.contenders = setup.contenders;
    this.works = setup.works;
    this.java = setup.java;
    this.probe = probe;
    this.log = log;
    long each = Files.size(file) + OTHER_BYTES;
    together = contenders.size() * each < freeBytes;
    if (!together) {
      log.accept("memory holds one engine at a time: each turn loads the file anew");
    }
  }

  /** Finds each peer's best tuning, then measures so many rounds. */
  void run(int rounds) {
    for (Contender contender : contenders) {
      tune(contender);
    }
    measureLimits();
    for (int round = 0; round < rounds; round++) {
      log.accept("round " + (round + 1) + " of " + rounds);
      if (together) {
        for (Workload work : works) {
          contenders.forEach(contender -> measure(new Cell(contender, work)));
          measureLimits();
        }
      } else {
        for (Contender contender : contenders) {
          byTuning(contender)
              .forEach(work -> {
                Cell cell = new Cell(contender, work);
                // what has just been loaded runs once unmeasured; what stays loaded did so before
                Cell tried = new Cell(contender, work.trial());
                run(tried, tunings.get(cell), trial(contender, work));
                measure(cell);
                measureLimits();
              });
        }
      }
    }
  }

  /** Repacked first, so that the file is loaded twice at most. */
  private List<Workload> byTuning(Contender contender) {
    List<Workload> ordered = new ArrayList<>();
    for (boolean repacked : new boolean[] {true, false}) {
      for (Workload work : works) {
        if (tunings.get(new Cell(contender, work)).repacked() == repacked) {
          ordered.add(work);
        }
      }
    }
    return ordered;
  }

  /** What the machine gives now; no engine may be at work. */
  private void measureLimits() {
    Roof roof = probe.get();
    roofs.add(roof);
    log.accept(
        String.format(
            Locale.ROOT,
            "the machine reads %.1f GB/s and computes %.0f GFLOP/s",
            roof.bandwidth() / 1e9,
            roof.flops() / 1e9));
  }

  /** Tries a peer's tunings once on each piece of work and keeps the best of each. */
  private void tune(Contender contender) {
    Map<Cell, Double> best = new HashMap<>();
    for (boolean repacked :
        contender.tunable() ? new boolean[] {true, false} : new boolean[] {true}) {
      for (Workload work : works) {
        Cell cell = new Cell(contender, work);
        // without repacking only the attention that was better with it is tried
        boolean[] flashes =
            !contender.tunable()
                ? new boolean[] {true}
                : repacked
                    ? new boolean[] {true, false}
                    : new boolean[] {tunings.get(cell).flash()};
        for (boolean flash : flashes) {
          Tuning tuning = new Tuning(repacked, flash);
          Cell tried = new Cell(contender, work.trial());
          double rate = run(tried, tuning, trial(contender, work)).rate;
          if (rate > best.getOrDefault(cell, 0.0)) {
            best.put(cell, rate);
            tunings.put(cell, tuning);
          }
        }
      }
    }
  }

  /** A peer is tried briefly; Moka's code is warmed by the whole work. */
  private static int trial(Contender contender, Workload work) {
    return contender.tunable() ? TRIAL_STEPS : work.steps();
  }

  private void measure(Cell cell) {
    Sample sample = run(cell, tunings.get(cell), cell.work.steps());
    turns.computeIfAbsent(cell, key -> new ArrayList<>()).add(new Turn(sample.rate, roofs.size()));
    disturbances.merge(cell, sample.others, Math::max);
  }

  /** Runs one piece of work. */
  private Sample run(Cell cell, Tuning tuning, int steps) {
    EngineProcess engine = engine(cell.contender);
    engine.require(file, threads, tuning.repacked());
    descriptions.put(cell.contender, engine.description());
    Map<Contender, Duration> before = cpuTimes();
    Duration busyBefore = CpuTime.busy();
    long start = System.nanoTime();
    String command = cell.work.command(steps, tuning.flash());
    long nanos = cell.work.busy() ? besideNeighbour(engine, command) : engine.nanos(command);
    double seconds = (System.nanoTime() - start) * 1e-9;
    double busy = seconds(CpuTime.busy().minus(busyBefore)) / seconds;
    int tokens = cell.work.decodes() ? steps * cell.work.sequences() : cell.work.prompt();
    double rate = tokens / (nanos * 1e-9);
    log.accept(
        String.format(
            Locale.ROOT,
            "%s, %s, %s: %.2f tokens/s",
            cell.contender.name(),
            cell.work,
            tuning,
            rate));
    Map<Contender, Duration> after = cpuTimes();
    double others = busy - (cell.work.busy() ? 1 : 0);
    for (Contender contender : before.keySet()) {
      double used = seconds(after.get(contender).minus(before.get(contender))) / seconds;
      others -= used;
      if (!contender.equals(cell.contender) && used > NOTABLE_CORES) {
        note("%s used %.2f cores while it waited", contender.name(), used);
      }
    }
    if (others > NOTABLE_CORES) {
      note("other processes used %.2f cores meanwhile", others);
    }
    return new Sample(rate, others);
  }

  private void note(String format, Object... values) {
    log.accept("note: " + String.format(Locale.ROOT, format, values));
  }

  private static double seconds(Duration duration) {
    return duration.toNanos() * 1e-9;
  }

  private Map<Contender, Duration> cpuTimes() {
    Map<Contender, Duration> times = new HashMap<>();
    running.forEach((contender, engine) -> times.put(contender, engine.cpuTime()));
    return times;
  }

  private long besideNeighbour(EngineProcess engine, String command) {
    BusyNeighbour neighbour = new BusyNeighbour(java);
    try {
      return engine.nanos(command);
    } finally {
      neighbour.close();
    }
  }

  private EngineProcess engine(Contender contender) {
    if (!together) {
      running
          .entrySet()
          .removeIf(entry -> {
            boolean other = !entry.getKey().equals(contender);
            if (other) {
              entry.getValue().close();
            }
            return other;
          });
    }
    return running.computeIfAbsent(contender, key -> new EngineProcess(key.name(), key.command()));
  }

  /** Tokens a second of each round. */
  List<Double> rates(Cell cell) {
    return turns.getOrDefault(cell, List.of()).stream().map(Turn::rate).toList();
  }

  /**
   * A limit as it was in each round: the higher of what was measured before and after, since a
   * machine that is shared may give half or twice as much minutes later.
   */
  List<Double> limits(Cell cell, ToDoubleFunction<Roof> limit) {
    return turns.getOrDefault(cell, List.of()).stream()
        .map(turn -> roofs.subList(turn.limits - 1, turn.limits + 1))
        .map(beside -> beside.stream().mapToDouble(limit).max().orElseThrow())
        .toList();
  }

  /** Cores that processes outside this comparison used, at the worst moment. */
  double disturbance(Cell cell) {
    return disturbances.getOrDefault(cell, 0.0);
  }

  Tuning tuning(Cell cell) {
    return tunings.get(cell);
  }

  String description(Contender contender) {
    return descriptions.get(contender);
  }

  /** The limits, before the first round and after each piece of work. */
  List<Roof> roofs() {
    return roofs;
  }

  @Override
  public void close() {
    running.values().forEach(EngineProcess::close);
    running.clear();
  }
}
