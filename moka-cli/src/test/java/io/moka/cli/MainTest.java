package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.cpu.MemoryNodes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Option;

/** What the whole command does with its words: help, version, errors, exit codes. */
class MainTest {
  @Test
  void showsItsVersion() {
    Result result = new Shell().run("--version");
    assertThat(result.code()).isZero();
    assertThat(result.out()).startsWith("moka ");
    assertThat(result.err()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "--help", "-h"})
  void showsItsHelp(String word) {
    Result result = word.isEmpty() ? new Shell().run() : new Shell().run(word);
    assertThat(result.code()).isZero();
    assertThat(result.out()).contains("Usage: moka", "inspect", "Examples:");
    assertThat(result.out()).doesNotContain("\u001b");
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "chat", "inspect", "logits", "perplexity"})
  void showsTheHelpOfACommand(String command) {
    Result result = new Shell().run(command, "--help");
    assertThat(result.code()).isZero();
    assertThat(result.out())
        .contains("Usage: moka " + command, "Examples:", "MOKA_THREADS", "Default: fused");
  }

  @Test
  void tellsWhatComputes() {
    Result result = new Shell().run("devices");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out()).contains("kernels ", "memory ", "java ");
    KernelChoice.whyNoMachineCode()
        .ifPresentOrElse(
            reason -> assertThat(result.out()).contains("no machine code: " + reason),
            () -> assertThat(result.out()).doesNotContain("no machine code"));
  }

  @Test
  void tellsWhyThereIsNoMachineCode() {
    Optional<String> none = Optional.empty();
    assertThat(DevicesCommand.kernels("Vector API", none, none)).isEqualTo("Vector API");
    assertThat(
            DevicesCommand.kernels("Vector API", Optional.of("no AVX2\nnor others"), none).lines())
        .containsExactly("Vector API", "            no machine code: no AVX2 nor others");
    assertThat(DevicesCommand.kernels("AVX2", none, Optional.of("MOKA_MAX_ISA=avx2")).lines())
        .containsExactly("AVX2", "            no more than MOKA_MAX_ISA=avx2 allows");
  }

  @Test
  void showsMemoryNodesWhereThereAreSeveral() {
    List<MemoryNodes.Node> two =
        List.of(
            new MemoryNodes.Node(0, List.of(0, 1, 2, 3)), new MemoryNodes.Node(2, List.of(4, 5)));
    assertThat(DevicesCommand.nodes(new MemoryNodes(two, Optional.empty())).lines())
        .containsExactly(
            "", "            node 0: 4 processors", "            node 2: 2 processors");
    assertThat(DevicesCommand.nodes(new MemoryNodes(List.of(), Optional.of("damaged")))).isEmpty();
  }

  /** The variable is read where kernels are opened, so each needs a process of its own. */
  @Test
  void theEnvironmentLimitsMachineCode() throws IOException, InterruptedException {
    Result limited = devices("avx2");
    assertThat(limited.code()).as(limited.out()).isZero();
    assertThat(limited.out()).contains("MOKA_MAX_ISA=avx2").doesNotContain("AVX-512");
    Result refused = devices("avx3");
    assertThat(refused.code()).isEqualTo(2);
    assertThat(refused.out())
        .contains("MOKA_MAX_ISA is \"avx3\": it takes one of avx2, avx2_vnni, avx512, amx")
        .doesNotContain("Exception", "\tat ");
  }

  private static Result devices(String most) throws IOException, InterruptedException {
    ProcessBuilder java =
        new ProcessBuilder(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            Main.class.getName(),
            "devices");
    java.environment().put("MOKA_MAX_ISA", most);
    Process process = java.redirectErrorStream(true).start();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    return new Result(process.waitFor(), out, "");
  }

  @Test
  void usesColoursOnATerminalAlone() {
    assertThat(new Shell().onTerminal().run("--help").out()).contains("\u001b[");
    assertThat(new Shell().onTerminal().variable("NO_COLOR", "1").run("--help").out())
        .doesNotContain("\u001b[");
  }

  @Test
  void refusesWordsItDoesNotKnow() {
    assertUsage(new Shell().run("nonsense"), "nonsense");
    assertUsage(new Shell().run("--nonsense"), "--nonsense");
    assertUsage(new Shell().run("inspect", "--nonsense"), "--nonsense");
    assertUsage(new Shell().run("inspect", "a", "b"), "b");
    assertUsage(new Shell().run("inspect", "--threads"), "--threads");
    assertUsage(new Shell().run("inspect", "--threads", "many"), "many");
    assertUsage(new Shell().run("inspect", "--threads", "0"), "from 1 to 1024");
    assertUsage(new Shell().run("inspect", "--moe-path", "scenic"), "scenic");
    assertUsage(new Shell().run("inspect", "--kernels", "corn"), "corn");
    assertUsage(new Shell().run("inspect", "m", "--dummy", "mixtral-8x7b"), "not both");
    assertUsage(new Shell().run("inspect", "--no-prefuse", "--moe-path", "sparse"), "--no-prefuse");
  }

  @Test
  void listsTheWordsOfAnOptionAsTheyAreTyped() {
    assertUsage(
        new Shell().run("run", "--kv", "q9"),
        "'--kv': expected one of auto, f32, f16, bf16, q8, but was \"q9\"");
    assertUsage(
        new Shell().variable("MOKA_KERNELS", "corn").run("run"),
        "expected one of auto, x86, vector, reference, but was \"corn\"");
    assertThat(new Shell().run("inspect", "--kv", "BF16", "--kernels", "vector").code()).isZero();
  }

  @Test
  void readsVariablesAfterFlags() {
    assertUsage(new Shell().variable("MOKA_THREADS", "many").run("inspect"), "(MOKA_THREADS=many)");
    assertThat(new Shell().variable("MOKA_THREADS", "many").run("inspect", "--threads", "1").code())
        .isZero();
    assertUsage(
        new Shell().variable("MOKA_NO_PREFUSE", "1").run("inspect", "--moe-path", "dense"),
        "--no-prefuse");
    assertUsage(
        new Shell()
            .variable("MOKA_NO_PREFUSE", "true")
            .variable("MOKA_MOE_PATH", "dense")
            .run("inspect", "--no-prefuse"),
        "--no-prefuse");
    assertThat(new Shell().variable("MOKA_MOE_PATH", "").run("inspect").code()).isZero();
    assertThat(new Shell().variable("MOKA_NUMA", "1").run("inspect").code()).isZero();
    assertUsage(new Shell().variable("MOKA_NUMA", "perhaps").run("inspect"), "MOKA_NUMA");
  }

  @Test
  void namesTheVariableThatIsOutOfRange() {
    assertUsage(new Shell().variable("MOKA_THREADS", "0").run("inspect"), "(MOKA_THREADS=0)");
    assertUsage(
        new Shell().variable("MOKA_TEMPERATURE", "200").run("run", "-p", "x"),
        "(MOKA_TEMPERATURE=200)");
    assertThat(new Shell().variable("MOKA_THREADS", "0").run("inspect", "--threads", "9999").err())
        .contains("9999")
        .doesNotContain("MOKA_THREADS");
  }

  @Test
  void namesTheCommandsWhereAWordIsNone() {
    assertUsage(
        new Shell().run("help", "me"),
        "no command help; there are run, chat, pull, list, rm, prefuse");
  }

  /** Whoever adds an option to these groups must name its variable in the help. */
  @Test
  void namesAVariableForEachOptionOfModelAndGeneration() {
    for (Class<?> group : List.of(ModelOptions.class, GenerationOptions.class)) {
      for (Field field : group.getDeclaredFields()) {
        Option option = field.getAnnotation(Option.class);
        if (option != null && !List.of("--dummy", "--stop").contains(option.names()[0])) {
          String name = option.names()[option.names().length - 1];
          String variable = "MOKA_" + name.substring(2).replace('-', '_').toUpperCase(Locale.ROOT);
          assertThat(String.join(" ", option.description())).contains("[" + variable + "]");
        }
      }
    }
  }

  @Test
  void takesTheModelFromAVariable() {
    String mixtral = Shell.GOLDEN.resolve("mixtral-f32").toString();
    String qwen = Shell.GOLDEN.resolve("qwen3moe-f32").toString();
    assertThat(new Shell().variable("MOKA_MODEL", mixtral).run("inspect").out())
        .contains("mixtral");
    assertThat(new Shell().variable("MOKA_MODEL", mixtral).run("inspect", qwen).out())
        .contains("qwen3_moe");
  }

  @Test
  void saysWhyThereIsNoModel(@TempDir Path folder) throws IOException {
    Path file = Files.createFile(folder.resolve("weights"));
    Path gguf = Files.createFile(folder.resolve("model.gguf"));
    assertFailure(new Shell().run("inspect", folder.resolve("none").toString()), "no such folder");
    assertFailure(new Shell().run("inspect", "--dummy", "mystery"), "mystery");
    assertFailure(new Shell().run("inspect", file.toString()), "is a file");
    assertFailure(new Shell().run("inspect", gguf.toString()), "not a GGUF file");
    assertFailure(new Shell().run("inspect", folder.toString()), "not a GGUF file");
    Path empty = Files.createDirectory(folder.resolve("empty"));
    assertFailure(new Shell().run("inspect", empty.toString()), "config.json");
    assertFailure(
        new Shell().variable("HF_HUB_CACHE", folder.toString()).run("inspect", "org/name"),
        "moka pull org/name");
    Result missing = new Shell().run("run", "nope.gguf", "-p", "x");
    assertFailure(missing, "nope.gguf: there is no such folder or file; moka list names");
    assertThat(missing.err()).doesNotContain("pull");
    assertFailure(new Shell().run(Optional.empty(), "inspect"), "./moka");
    assertFailure(new Shell().run(Optional.of(folder), "inspect"), folder.toString());
  }

  @Test
  void keepsTerminalCommandsOutOfMessages() {
    Result result = new Shell().run("inspect", "a\u001b[2Jb\nc");
    assertFailure(result, "b c");
    assertThat(result.err()).doesNotContain("\u001b");
  }

  @Test
  void showsAStackTraceWhenAskedTo() {
    Result result = new Shell().run("inspect", "none", "--verbose");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).startsWith("moka: ").contains("\tat io.moka.");
  }

  @Test
  void reportsWhatShouldNotHappen() {
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Environment environment =
        new Environment(
            InputStream.nullInputStream(),
            new PrintStream(OutputStream.nullOutputStream()),
            new PrintStream(err, true),
            Map.of(),
            Optional.empty(),
            false,
            false,
            false);
    assertThat(new Failures(environment, false).report(new IllegalStateException("odd")))
        .isEqualTo(1);
    assertThat(new Failures(environment, false).report(new OutOfMemoryError("heap"))).isEqualTo(1);
    assertThat(new Failures(environment, false).report(new IOException("disk"))).isEqualTo(1);
    assertThat(err.toString().lines())
        .hasSize(4)
        .anyMatch(line -> line.contains("IllegalStateException: odd"))
        .anyMatch(line -> line.contains("--verbose"))
        .anyMatch(line -> line.contains("MOKA_JAVA_OPTS"))
        .anyMatch(line -> line.contains("disk"));
  }

  private static void assertUsage(Result result, String text) {
    assertThat(result.code()).as(result.err()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).startsWith("moka: ").contains(text, "--help");
    assertThat(result.err().lines()).hasSize(2);
  }

  private static void assertFailure(Result result, String text) {
    assertThat(result.code()).as(result.err()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).startsWith("moka: ").contains(text);
    assertThat(result.err().lines()).hasSizeLessThanOrEqualTo(2);
  }
}
