package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.KvType;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** No kernel reads or writes a byte beyond what it was given: in a process that would die of it. */
class GuardPagesTest {
  @TempDir private Path folder;

  /** How a process ended. */
  private record Ended(int status, String output) {}

  static Stream<Arguments> formatsAndSteps() {
    return Arrays.stream(WeightFormat.values()).flatMap(GuardPagesTest::withEachStep);
  }

  static Stream<Arguments> typesAndSteps() {
    return Arrays.stream(KvType.values())
        .flatMap(GuardPagesTest::withEachStep)
        .filter(each -> hasCode((KvType) each.get()[0], (InstructionSet) each.get()[1]));
  }

  private static boolean hasCode(KvType type, InstructionSet most) {
    return type.format().isPresent() || most.compareTo(InstructionSet.AVX512) >= 0;
  }

  private static Stream<Arguments> withEachStep(Object kind) {
    return Arrays.stream(InstructionSet.values()).map(most -> Arguments.of(kind, most));
  }

  /**
   * 2 sides, 3 families of processors, 2 numbers of groups; 4 numbers of blocks by 20 or 16 of rows
   * and by one with one group, or 6 numbers of columns by 8 or 6 of rows.
   */
  @ParameterizedTest
  @MethodSource("formatsAndSteps")
  void kernelsStayWithinTheirMemory(WeightFormat format, InstructionSet most) throws Exception {
    boolean wide = Processor.upTo(most).has(CpuFeatures.FLOAT_512);
    Ended ended = run(most.name(), format.name());
    assertThat(ended.status()).as(ended.output()).isZero();
    int calls = format.isQuantised() ? wide ? 984 : 768 : wide ? 576 : 432;
    assertThat(ended.output()).contains(calls + " products");
  }

  /** 2 sides, 4 widths, 37 numbers of rows. */
  @ParameterizedTest
  @MethodSource("io.moka.kernels.cpu.x86.AmxInt8CallsTest#formats")
  void productsByTilesStayWithinTheirMemory(WeightFormat format) throws Exception {
    AmxInt8CallsTest.features();
    Ended ended = run(InstructionSet.MOST.name(), "tiles", format.name());
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("296 products");
  }

  /** 2 sides, 2 numbers of parts, 6 widths, 37 numbers of rows. */
  @Test
  void productsByTilesOfBf16StayWithinTheirMemory() throws Exception {
    AmxInt8CallsTest.features();
    Ended ended = run(InstructionSet.MOST.name(), "parts");
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("888 products");
  }

  @Test
  void productsOfRowsRoundedToBf16StayWithinTheirMemory() throws Exception {
    Bf16CallsTest.functions().close();
    Ended ended = run(InstructionSet.MOST.name(), "rounded");
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("384 products");
  }

  /**
   * 2 sides, 6 widths, 4 numbers of blocks, 8 numbers of heads, 3 functions; and, where numbers are
   * no floats of 32 bits, 2 sides, 6 widths, 2 functions that widen them.
   */
  @ParameterizedTest
  @MethodSource("typesAndSteps")
  void attentionStaysWithinItsMemory(KvType type, InstructionSet most) throws Exception {
    Processor.upTo(most);
    Ended ended = run(most.name(), "attention", type.name());
    assertThat(ended.status()).as(ended.output()).isZero();
    int widened = type == KvType.F32 ? 0 : 24;
    assertThat(ended.output()).contains(1152 + widened + " products");
  }

  @Test
  void attentionOfRoundedInputsStaysWithinItsMemory() throws Exception {
    Bf16CallsTest.functions().close();
    Ended ended = run(InstructionSet.MOST.name(), "attention-rounded");
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("1152 products");
  }

  /** 2 sides, 128 numbers of sums. */
  @ParameterizedTest
  @EnumSource(names = {"AVX2", "AVX512"})
  void gatesStayWithinTheirMemory(InstructionSet most) throws Exception {
    Processor.upTo(most);
    Ended ended = run(most.name(), "gates");
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("256 products");
  }

  @ParameterizedTest
  @ValueSource(strings = {"end", "start"})
  void aByteTooFarWouldEndTheProcess(String side) throws Exception {
    Int8CallsTest.functions(WeightFormat.Q8_0).close();
    Ended ended = run("overrun", side);
    assertThat(ended.status()).isNotZero();
    assertThat(ended.output()).doesNotContain("read ").contains("SIGSEGV");
  }

  private Ended run(String... arguments) throws IOException, InterruptedException {
    List<String> command =
        Stream.concat(
                Stream.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    "--enable-native-access=ALL-UNNAMED",
                    "-Xmx64m",
                    "-XX:TieredStopAtLevel=1",
                    "-XX:-CreateCoredumpOnCrash",
                    "-XX:ErrorFile=" + folder.resolve("error.log"),
                    "-cp",
                    System.getProperty("java.class.path"),
                    GuardedRun.class.getName()),
                Stream.of(arguments))
            .toList();
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Ended(process.waitFor(), output);
  }
}
