package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.moka.bench.compare.CompareReport.Model;
import io.moka.bench.compare.Comparison.Cell;
import io.moka.bench.compare.Comparison.Setup;
import io.moka.engine.WorkCount;
import io.moka.kernels.cpu.vector.RoofProbe.Roof;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
  private static final List<String> JAVA =
      List.of(
          Path.of(System.getProperty("java.home"), "bin", "java").toString(),
          "-Xmx32m",
          "-cp",
          System.getProperty("java.class.path"));
  private static final Roof ROOF = new Roof(10e9, 20e9, 200e9);

  private final Contender moka = contender(Contender.MOKA, false);
  private final Contender peer = contender("peer", true);
  private final List<String> log = new ArrayList<>();

  @TempDir private Path folder;
  private Path file;

  private static Contender contender(String name, boolean tunable) {
    List<String> command = new ArrayList<>(JAVA);
    command.add(FakeEngine.class.getName());
    return new Contender(name, command, tunable, "int8", "float32", "f16");
  }

  @BeforeEach
  void makeFile() throws IOException {
    file = Files.writeString(folder.resolve("a model.gguf"), "not read");
  }

  private Comparison comparison(long freeBytes, String... works) throws IOException {
    return comparison(freeBytes, () -> ROOF, works);
  }

  private Comparison comparison(long freeBytes, Supplier<Roof> probe, String... works)
      throws IOException {
    List<Workload> parsed = List.of(works).stream().map(Workload::parse).toList();
    return new Comparison(
        new Setup(file, 2, List.of(moka, peer), parsed, JAVA), freeBytes, probe, log::add);
  }

  private static Cell cell(Contender contender, String work) {
    return new Cell(contender, Workload.parse(work));
  }

  @Test
  void eachPeerRunsEachWorkWithTheBestOfItsTunings() throws IOException {
    try (Comparison comparison =
        comparison(Long.MAX_VALUE, "decodex4", "decode@16", "prefill512")) {
      comparison.run(3);
      assertThat(comparison.tuning(cell(peer, "decodex4"))).isEqualTo(new Tuning(true, true));
      assertThat(comparison.tuning(cell(peer, "decode@16"))).isEqualTo(new Tuning(true, false));
      assertThat(comparison.tuning(cell(peer, "prefill512"))).isEqualTo(new Tuning(false, true));
      assertThat(comparison.rates(cell(peer, "decodex4")))
          .hasSize(3)
          .allSatisfy(rate -> assertThat(rate).isEqualTo(40, within(1e-3)));
      assertThat(comparison.rates(cell(peer, "prefill512"))).containsOnly(1024.0);
      assertThat(comparison.rates(cell(moka, "prefill512"))).containsOnly(256.0);
      assertThat(comparison.roofs()).hasSize(1 + 3 * 3);
      assertThat(comparison.description(peer)).isEqualTo("fake with 2 threads");
    }
  }

  @Test
  void whereMemoryIsShortOneEngineIsLoadedAtATime() throws IOException {
    try (Comparison comparison = comparison(1, "decode", "prefill512")) {
      comparison.run(2);
      assertThat(comparison.rates(cell(moka, "decode"))).hasSize(2);
      assertThat(comparison.rates(cell(peer, "prefill512"))).containsExactly(1024.0, 1024.0);
    }
    assertThat(log.getFirst()).contains("one engine at a time");
    List<String> measured = log.subList(log.indexOf("round 2 of 2") + 1, log.size());
    assertThat(measured)
        .filteredOn(line -> !line.startsWith("note: ") && !line.startsWith("the machine "))
        .extracting(line -> line.replaceAll(", (not )?repacked.*", ""))
        // each once to warm up what has just been loaded, and once measured
        .containsExactly(
            "moka, decode",
            "moka, decode",
            "moka, prefill512",
            "moka, prefill512",
            "peer, decode",
            "peer, decode",
            "peer, prefill512",
            "peer, prefill512");
  }

  private static Supplier<Roof> bandwidths(double... bandwidths) {
    AtomicInteger probes = new AtomicInteger();
    return () -> new Roof(0, bandwidths[probes.getAndIncrement()], 1);
  }

  @Test
  void limitsAreThoseBesideEachTurn() throws IOException {
    try (Comparison comparison =
        comparison(Long.MAX_VALUE, bandwidths(5, 3, 4, 6, 1), "decode", "prefill512")) {
      comparison.run(2);
      for (Contender contender : List.of(moka, peer)) {
        assertThat(comparison.limits(cell(contender, "decode"), Roof::bandwidth))
            .containsExactly(5.0, 6.0);
        assertThat(comparison.limits(cell(contender, "prefill512"), Roof::bandwidth))
            .containsExactly(4.0, 6.0);
      }
    }
  }

  @Test
  void withOneEngineAtATimeEachHasLimitsOfItsOwn() throws IOException {
    try (Comparison comparison = comparison(1, bandwidths(5, 3, 4, 6, 1), "decode")) {
      comparison.run(2);
      assertThat(comparison.limits(cell(moka, "decode"), Roof::bandwidth))
          .containsExactly(5.0, 6.0);
      assertThat(comparison.limits(cell(peer, "decode"), Roof::bandwidth))
          .containsExactly(4.0, 6.0);
    }
  }

  @Test
  void besideABusyProcess() throws IOException {
    try (Comparison comparison = comparison(Long.MAX_VALUE, "decode+busy")) {
      comparison.run(1);
      assertThat(comparison.rates(cell(peer, "decode+busy"))).hasSize(1);
    }
  }

  @Test
  void anEngineThatFailsIsNamed() throws IOException {
    try (Comparison comparison = comparison(Long.MAX_VALUE, "decode@13")) {
      assertThatThrownBy(() -> comparison.run(1))
          .isInstanceOf(IllegalStateException.class)
          .hasMessageContaining("moka")
          .hasMessageContaining("decode 32 1 13 1")
          .hasMessageContaining("unlucky");
    }
  }

  @Test
  void reportHoldsRatesSharesAndRatios() throws IOException {
    ByteArrayOutputStream table = new ByteArrayOutputStream();
    ByteArrayOutputStream json = new ByteArrayOutputStream();
    List<Workload> works = List.of(Workload.parse("decode"), Workload.parse("prefill512"));
    Iterator<Double> flops = List.of(150e9, 100e9, 200e9, 100e9, 100e9).iterator();
    try (Comparison comparison =
        comparison(
            Long.MAX_VALUE, () -> new Roof(10e9, 20e9, flops.next()), "decode", "prefill512")) {
      comparison.run(2);
      new CompareReport(
              new PrintStream(table, true, StandardCharsets.UTF_8),
              new PrintStream(json, true, StandardCharsets.UTF_8),
              new Chip("Processor \"X\"", "26", "2"),
              2)
          .write(
              new Model("some model", "q4_0", true, new WorkCount(1, 1, 1, 1, 1e8, 1, 0), 128, 8),
              comparison,
              List.of(moka, peer),
              works);
    }
    assertThat(table.toString(StandardCharsets.UTF_8))
        .contains("Processor \"X\", family 26, model 2, 2 threads")
        .contains("reads 20.0 to 20.0 GB/s, computes 100 to 200 GFLOP/s")
        .contains(
            "| prefill512 | moka |  | q4_0 x int8, cache f16 | 256.00 | 256.00 to 256.00 | 26"
                + " GFLOP/s")
        // 25.6 of 200 in the first round, of 100 in the second
        .contains("| 19 % |  |  |")
        .contains("| x 0.25 | 0.25 to 0.25 |");
    assertThat(json.toString(StandardCharsets.UTF_8).lines())
        .hasSize(4)
        .allSatisfy(line -> assertThat(line).contains("\"chip\": \"Processor \\\"X\\\"\""))
        .anySatisfy(line -> assertThat(line).contains("\"moka_ratios\": [0.2500, 0.2500]"))
        .anySatisfy(line -> assertThat(line).contains("\"shares\": [0.1280, 0.2560]"));
  }

  @Test
  void expertsInUseGrowWithTheRows() {
    Model model = new Model("", "", false, new WorkCount(1, 1, 1, 1, 1, 1, 1), 128, 8);
    assertThat(model.expertsInUse(1)).isEqualTo(8, within(1e-9));
    assertThat(model.expertsInUse(16)).isEqualTo(82.4, within(0.1));
  }
}
