package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Conversations through a pipe. */
class ChatCommandTest {
  private static final String QUESTION = "Tell me a story about a fox.";

  @TempDir private Path folder;

  @Test
  void answersEachLine() {
    Result result = chat(QUESTION + "\n\n" + QUESTION + "\n");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.out().lines()).hasSize(2);
    String alone =
        new Shell().run("run", "--chat", "-p", QUESTION, "-n", "8", "--temperature", "0").out();
    assertThat(result.out()).startsWith(alone);
  }

  @Test
  void followsCommands() throws IOException {
    Path file = folder.resolve("saved.json");
    Result result =
        chat(
            "/help\n/system Be brief.\n"
                + QUESTION
                + "\n/save "
                + file
                + "\n/nonsense\n/save\n/bye\n"
                + QUESTION);
    assertThat(result.code()).isZero();
    assertThat(result.err())
        .contains(
            "/reset", "system message is set", "Saved 3 messages", "/nonsense", "/save needs");
    assertThat(result.out().lines()).hasSize(1);
    JsonNode saved = JsonMapper.shared().readTree(Files.readString(file));
    assertThat(saved.size()).isEqualTo(3);
    assertThat(saved.get(0).get("role").asString()).isEqualTo("system");
    assertThat(saved.get(1).get("content").asString()).isEqualTo(QUESTION);
    assertThat(saved.get(2).get("content").asString()).isEqualTo(result.out().strip());
  }

  @Test
  void forgetsWhatWasSaid() {
    Result result = chat(QUESTION + "\n/reset\n" + QUESTION + "\n");
    assertThat(result.out().lines().distinct()).hasSize(1);
    Result system = chat("/system Be brief.\n/system\n/reset\n" + QUESTION + "\n");
    assertThat(result.out()).startsWith(system.out());
  }

  @Test
  void goesOnAfterAMessageThatIsTooLong() {
    Result result = chat("word ".repeat(2000) + "\n" + QUESTION + "\n");
    assertThat(result.code()).isZero();
    assertThat(result.err()).contains("moka: The prompt has");
    assertThat(result.out().lines()).hasSize(1);
  }

  @Test
  void refusesModelsThatCannotChat() {
    Result result = new Shell().run("chat", Shell.GOLDEN.resolve("mixtral-f32").toString());
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.err()).contains("no chat template");
  }

  @Test
  void keepsItsHistoryWhereTheSystemSays() {
    assertThat(TerminalLines.history(environment(Map.of("HOME", "/h"))))
        .isEqualTo(Path.of("/h/.moka/chat-history"));
    assertThat(TerminalLines.history(environment(Map.of("HOME", "/h", "XDG_STATE_HOME", "/s"))))
        .isEqualTo(Path.of("/s/moka/chat-history"));
  }

  private static Environment environment(Map<String, String> variables) {
    return new Environment(
        System.in, System.out, System.err, variables, Optional.empty(), false, false, false);
  }

  private static Result chat(String input) {
    return new Shell().input(input).run("chat", "-n", "8", "--temperature", "0");
  }
}
