package io.moka.cli;

import io.moka.ChatMessage;
import io.moka.GenerateOptions;
import io.moka.Generation;
import io.moka.Moka;
import io.moka.MokaException;
import io.moka.engine.Cancellation;
import io.moka.engine.FinishReason;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;

/** Messages in turn: a person's, typed or piped, and the model's. */
final class Conversation {
  private static final String HELP =
      """
      /help         show this
      /reset        forget what was said, but for the system message
      /system TEXT  say what the model shall be; without TEXT, nothing
      /save FILE    write the conversation as JSON
      /bye          end; Ctrl-D too
      A backslash at the end of a line, or \""" before and after, makes a message of several lines.
      """;

  private final Environment environment;
  private final Moka moka;
  private final GenerateOptions options;
  private final boolean verbose;
  private final List<ChatMessage> messages = new ArrayList<>();
  private Optional<ChatMessage> system;

  /** What Ctrl-C stops. */
  private final AtomicReference<Cancellation> answering = new AtomicReference<>(new Cancellation());

  Conversation(
      Environment environment,
      Moka moka,
      GenerateOptions options,
      Optional<String> system,
      boolean verbose) {
    this.environment = environment;
    this.moka = moka;
    this.options = options;
    this.system = system.map(ChatMessage::system);
    this.verbose = verbose;
  }

  /** Goes on until the lines end, or {@code /bye}. */
  void hold(LineSource lines) {
    MessageReader reader = new MessageReader(lines);
    if (environment.inTerminal()) {
      tell("/help shows the commands, Ctrl-D ends.");
    }
    boolean more = true;
    while (more) {
      // taken anew each time: while a line is read, the terminal is the editor's
      lines.onInterrupt(() -> answering.get().cancel());
      more =
          switch (reader.read()) {
            case TypedText.End _ -> false;
            case TypedText.Interrupted _ -> true;
            case TypedText.Text(String text) when text.isBlank() -> true;
            case TypedText.Text(String text) when text.startsWith("/") -> obey(text);
            case TypedText.Text(String text) -> answer(text);
          };
    }
  }

  /** Follows a command; says whether the conversation goes on. */
  private boolean obey(String line) {
    String[] words = line.strip().split("\\s+", 2);
    String rest = words.length > 1 ? words[1] : "";
    switch (words[0]) {
      case "/bye", "/exit", "/quit" -> {
        return false;
      }
      case "/help", "/?" -> environment.err().print(HELP);
      case "/reset" -> {
        messages.clear();
        tell("The conversation begins anew.");
      }
      case "/system" -> {
        system = rest.isEmpty() ? Optional.empty() : Optional.of(ChatMessage.system(rest));
        tell(rest.isEmpty() ? "There is no system message now." : "The system message is set.");
      }
      case "/save" -> save(rest);
      default -> tell("There is no command " + words[0] + "; /help shows those there are.");
    }
    return true;
  }

  private boolean answer(String text) {
    messages.add(ChatMessage.user(text));
    Cancellation cancellation = new Cancellation();
    answering.set(cancellation);
    TextPrinter printer = new TextPrinter(environment);
    try {
      Generation result = moka.chat(all(), options, printer, cancellation);
      printer.end();
      if (result.text().isEmpty()) {
        messages.removeLast(); // stopped before it began: as if nothing had been asked
        return true;
      }
      messages.add(ChatMessage.assistant(result.text()));
      if (result.finishReason() == FinishReason.LENGTH) {
        tell("(cut off: the end of -n or of the context)");
      }
      if (verbose) {
        tell(RunCommand.speed(result.timings()));
      }
    } catch (MokaException e) {
      messages.removeLast();
      printer.end();
      tell("moka: " + e.getMessage() + (messages.isEmpty() ? "" : " (/reset begins anew.)"));
    }
    return true;
  }

  private List<ChatMessage> all() {
    List<ChatMessage> all = new ArrayList<>();
    system.ifPresent(all::add);
    all.addAll(messages);
    return all;
  }

  private void save(String name) {
    if (name.isBlank()) {
      tell("/save needs the name of a file.");
      return;
    }
    ArrayNode json = JsonMapper.shared().createArrayNode();
    for (ChatMessage message : all()) {
      json.addObject().put("role", message.role()).put("content", message.content());
    }
    try (OutputFile file = OutputFile.create(Path.of(name.strip()))) {
      file.write(ByteBuffer.wrap((json.toPrettyString() + "\n").getBytes(StandardCharsets.UTF_8)));
      file.complete();
      tell("Saved " + json.size() + " messages.");
    } catch (MokaException | InvalidPathException e) {
      tell("moka: " + e.getMessage());
    }
  }

  private void tell(String text) {
    environment.err().println(Words.oneLine(text));
  }
}
