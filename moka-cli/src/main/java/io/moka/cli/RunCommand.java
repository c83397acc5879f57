package io.moka.cli;

import io.moka.ChatMessage;
import io.moka.GenerateOptions;
import io.moka.Generation;
import io.moka.Moka;
import io.moka.engine.Cancellation;
import io.moka.engine.FinishReason;
import io.moka.engine.Timings;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code moka run}: one prompt, one text. */
@Command(
    name = "run",
    description = {
      "Answers a prompt, or continues it, and ends.",
      "",
      "A model with a chat template answers, unless --raw is given; the embedded model continues"
          + " the text, unless --system or --chat is given. Standard output gets what the model"
          + " writes and nothing else; only on a terminal a continuation comes after its"
          + " beginning. The last line of standard error says how fast it was.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moka run -p \"Once upon a time\" -n 100",
      "  moka run --chat -p \"Tell me a story about a fox.\" --seed 7",
      "  moka run path/to/model -p \"Why is the sky blue?\" --system \"Be brief.\"",
      "  moka run path/to/model --raw -p - --temperature 0 < beginning.txt > continuation.txt",
    })
final class RunCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();
  @Mixin private final ModelOptions model;
  @Mixin private final GenerationOptions generation = new GenerationOptions();

  @Option(
      names = {"-p", "--prompt"},
      paramLabel = "TEXT",
      required = true,
      description = "The prompt; - reads it from standard input.")
  private String prompt = "";

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "Tell the model first what it shall be. [MOKA_SYSTEM]")
  private Optional<String> system = Optional.empty();

  @Option(names = "--chat", description = "Answer the prompt by the model's chat template.")
  private boolean chat;

  @Option(names = "--raw", description = "Continue the prompt as it stands.")
  private boolean raw;

  RunCommand(Environment environment) {
    this.environment = environment;
    this.model = new ModelOptions(environment);
  }

  @Override
  public void run() {
    if (raw && (chat || system.isPresent())) {
      throw model.usage("--raw goes neither with --chat nor with --system");
    }
    GenerateOptions options = generation.options();
    String text =
        prompt.equals(TextInput.STANDARD_INPUT)
            ? new TextInput(environment).readStandardInput()
            : prompt;
    try (Moka moka = model.loadTextModel()) {
      TextPrinter printer = new TextPrinter(environment);
      Generation result =
          answers(moka)
              ? moka.chat(messages(text), options, printer, new Cancellation())
              : continuation(moka, text, options, printer);
      printer.end();
      report(result, options, moka.contextLength());
    }
  }

  private boolean answers(Moka moka) {
    return chat || system.isPresent() || !raw && !model.isEmbedded() && moka.chats();
  }

  private List<ChatMessage> messages(String text) {
    List<ChatMessage> messages = new ArrayList<>();
    system.ifPresent(content -> messages.add(ChatMessage.system(content)));
    messages.add(ChatMessage.user(text));
    return messages;
  }

  private static Generation continuation(
      Moka moka, String text, GenerateOptions options, TextPrinter printer) {
    printer.before(text);
    return moka.generate(text, options, printer);
  }

  private void report(Generation result, GenerateOptions options, int context) {
    PrintStream err = environment.err();
    int asked = options.maxTokens().orElse(Integer.MAX_VALUE);
    if (result.finishReason() == FinishReason.LENGTH && result.ids().size() < asked) {
      err.println("cut off: prompt and text fill the context of " + context + " tokens");
    }
    if (common.verbose()) {
      err.printf("seed %d, ended by %s%n", result.seed(), result.finishReason());
    }
    err.println(speed(result.timings()));
  }

  /** How fast it was, in one line. */
  static String speed(Timings timings) {
    return String.format(
        Locale.ROOT,
        "prompt: %d tokens, %.1f tokens/s; decode: %d tokens, %.1f tokens/s",
        timings.promptTokens(),
        timings.promptTokensPerSecond(),
        timings.decodeTokens(),
        timings.decodeTokensPerSecond());
  }
}
