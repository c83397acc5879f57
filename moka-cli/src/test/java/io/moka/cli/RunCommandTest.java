package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import io.moka.kernels.cpu.NodeThreads;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

class RunCommandTest {
  private static final String PROMPT = "Once upon a time";

  /** What the reference says that follows, as models/fairytales-moe tells. */
  private static final String GREEDY = ", a kind young king called Mila lived in a garden";

  @Test
  void continuesAText() {
    Result result = run("-p", PROMPT, "-n", "12", "--temperature", "0");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out()).startsWith(GREEDY).endsWith("\n").hasLineCount(1);
    assertThat(result.err())
        .matches("prompt: 4 tokens, [0-9.]+ tokens/s; decode: 11 tokens, [0-9.]+ tokens/s\n");
  }

  @Test
  void readsThePromptFromStandardInput() {
    Result result =
        new Shell().input(PROMPT).run("run", "-p", "-", "--raw", "-n", "5", "--temperature", "0");
    assertThat(result.out()).isEqualTo(run("-p", PROMPT, "-n", "5", "--temperature", "0").out());
  }

  @Test
  void takesOptionsFromVariables() {
    Shell shell = new Shell().variable("MOKA_MAX_TOKENS", "5").variable("MOKA_TEMPERATURE", "0");
    String five = shell.run("run", "-p", PROMPT).out();
    assertThat(five).isEqualTo(run("-p", PROMPT, "-n", "5", "--temperature", "0").out());
    String three = shell.run("run", "-p", PROMPT, "-n", "3").out();
    assertThat(five).startsWith(three.stripTrailing());
    assertThat(three).hasSizeLessThan(five.length());
  }

  @Test
  void saysWhenTheContextCutsTheText() {
    Result result = run("-p", PROMPT, "--context", "8", "--temperature", "0");
    assertThat(result.code()).isZero();
    assertThat(result.err()).contains("cut off: prompt and text fill the context of 8 tokens");
    assertThat(run("-p", PROMPT, "-n", "3").err()).doesNotContain("cut off");
  }

  @Test
  void answersByTheTemplateWhenAskedTo() {
    String plain = run("-p", "Tell me a story about a fox.", "-n", "8", "--temperature", "0").out();
    String chat =
        run("-p", "Tell me a story about a fox.", "-n", "8", "--temperature", "0", "--chat").out();
    assertThat(chat).isNotEqualTo(plain);
    Result system =
        run("-p", "Tell me a story about a fox.", "-n", "8", "--system", "Be brief.", "--verbose");
    assertThat(system.code()).isZero();
    assertThat(system.err()).contains("seed ", "prompt: ");
    String folder = Shell.HOME.resolve("models/fairytales-moe").toString();
    assertThat(
            run(folder, "-p", "Tell me a story about a fox.", "-n", "8", "--temperature", "0")
                .out())
        .isEqualTo(chat);
    assertThat(
            run(
                    folder,
                    "-p",
                    "Tell me a story about a fox.",
                    "-n",
                    "8",
                    "--temperature",
                    "0",
                    "--raw")
                .out())
        .isEqualTo(plain);
  }

  @Test
  void drawsTheSameTextFromTheSameSeed() {
    String first = run("-p", PROMPT, "-n", "20", "--seed", "7").out();
    assertThat(run("-p", PROMPT, "-n", "20", "--seed", "7", "--threads", "1").out())
        .isEqualTo(first);
    assertThat(run("-p", PROMPT, "-n", "20", "--seed", "8").out()).isNotEqualTo(first);
  }

  @Test
  void memoryNodesChangeNoText() {
    Logger log = Logger.getLogger(NodeThreads.class.getName());
    log.setUseParentHandlers(false); // where there is one node, it says so
    try {
      String plain = run("-p", PROMPT, "-n", "20", "--seed", "7").out();
      assertThat(run("-p", PROMPT, "-n", "20", "--seed", "7", "--numa").out()).isEqualTo(plain);
    } finally {
      log.setUseParentHandlers(true);
    }
  }

  @Test
  void endsAtAStopString() {
    assertThat(run("-p", PROMPT, "--temperature", "0", "--stop", "king", "--stop", "xyz").out())
        .isEqualTo(", a kind young \n");
  }

  @Test
  void showsTheBeginningOnATerminal() {
    Result result =
        new Shell().onTerminal().run("run", "-p", PROMPT, "-n", "3", "--temperature", "0");
    assertThat(result.out()).startsWith("\u001b[2m" + PROMPT + "\u001b[0m, a");
  }

  @Test
  void refusesWhatCannotBe() {
    assertUsage("--prompt");
    assertUsage("neither", "-p", "x", "--raw", "--chat");
    assertUsage("neither", "-p", "x", "--raw", "--system", "y");
    assertUsage("-n must be", "-p", "x", "-n", "0");
    assertUsage("--temperature must be", "-p", "x", "--temperature", "-1");
    assertUsage("--temperature must be", "-p", "x", "--temperature", "NaN");
    assertUsage("--top-k must be", "-p", "x", "--top-k", "-1");
    assertUsage("--top-p must be", "-p", "x", "--top-p", "0");
    assertUsage("--min-p must be", "-p", "x", "--min-p", "2");
    assertUsage("--repeat-penalty must be", "-p", "x", "--repeat-penalty", "0");
    assertUsage("--presence-penalty must be", "-p", "x", "--presence-penalty", "3");
    assertUsage("--frequency-penalty must be", "-p", "x", "--frequency-penalty", "-3");
    assertUsage("--stop needs", "-p", "x", "--stop", "");
    assertUsage("--context must be", "-p", "x", "--context", "0");
    assertFailure("empty", "-p", "");
    assertFailure("1024", "-p", "x", "--context", "2000");
    assertFailure("tokenizer", Shell.GOLDEN.resolve("mixtral-f32").toString(), "-p", "x");
    assertFailure("no tokenizer", "--dummy", "qwen3-235b-a22b", "-p", "x");
    assertFailure("inspect and prefuse take dummies", "--dummy", "mixtral-8x7b", "-p", "x");
    assertFailure("\"foo\" is no shape of a dummy", "--dummy", "foo", "-p", "x");
    assertFailure("whole number from 1", "--dummy", "mixtral-8x7b:layers=0", "-p", "x");
    assertFailure("context holds 2", "-p", PROMPT, "--context", "2");
  }

  private static void assertUsage(String message, String... words) {
    Result result = run(words);
    assertThat(result.code()).as(result.err()).isEqualTo(2);
    assertThat(result.err()).startsWith("moka: ").contains(message, "Try: moka run --help");
  }

  private static void assertFailure(String message, String... words) {
    Result result = run(words);
    assertThat(result.code()).as(result.err()).isEqualTo(1);
    assertThat(result.err()).startsWith("moka: ").contains(message);
    assertThat(result.err().lines()).hasSize(1);
  }

  private static Result run(String... words) {
    List<String> all = new ArrayList<>(List.of("run"));
    all.addAll(Arrays.asList(words));
    return new Shell().run(all.toArray(String[]::new));
  }
}
