package io.moka.cli;

import io.moka.GenerateOptions;
import io.moka.ModelException;
import io.moka.Moka;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka chat}: a conversation. */
@Command(
    name = "chat",
    description = {
      "Talks with a model.",
      "",
      "A backslash at the end of a line, or \"\"\" before and after, makes a message of several"
          + " lines. Ctrl-C stops an answer, Ctrl-D ends the program, /help shows the commands."
          + " Where the input is no terminal, each line is a message."
          + " What was typed is remembered in ~/.moka/chat-history"
          + " ($XDG_STATE_HOME/moka/chat-history where that variable is set).",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moka chat",
      "  moka chat path/to/model --system \"Answer in rhymes.\" --temperature 0.5",
      "  echo \"Tell me a story about a fox.\" | moka chat",
    })
final class ChatCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;
  @Mixin private final GenerationOptions generation = new GenerationOptions();

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "Tell the model first what it shall be. [MOKA_SYSTEM]")
  private Optional<String> system = Optional.empty();

  ChatCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    GenerateOptions options = generation.options();
    try (Moka moka = model.loadTextModel()) {
      if (!moka.chats()) {
        throw new ModelException(
            model.name()
                + ": has no chat template, so it cannot chat; let moka run continue a text");
      }
      try (LineSource lines =
          environment.inTerminal() && environment.outTerminal()
              ? new TerminalLines(environment)
              : new PipedLines(environment.in())) {
        new Conversation(environment, moka, options, system, common.verbose()).hold(lines);
      }
    }
  }
}
