package io.moka.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jline.reader.EndOfFileException;
import org.jline.reader.LineReader;
import org.jline.reader.LineReaderBuilder;
import org.jline.reader.UserInterruptException;
import org.jline.reader.impl.DefaultParser;
import org.jline.terminal.Terminal;
import org.jline.terminal.TerminalBuilder;
import org.jline.terminal.impl.DumbTerminal;
import org.jline.utils.Signals;

/** Lines that a person types, with editing and a history that outlives the program. */
final class TerminalLines implements LineSource {
  private final Terminal terminal;
  private final LineReader reader;

  /**
   * Takes the terminal.
   *
   * @param environment says where the history lies
   */
  TerminalLines(Environment environment) {
    try {
      // a terminal that can do nothing is a terminal too: no warning then
      terminal =
          TerminalBuilder.builder()
              .system(true)
              .dumb(true)
              .encoding(StandardCharsets.UTF_8)
              .build();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    // quotes and backslashes are a message's text, not a shell's syntax
    DefaultParser parser = new DefaultParser();
    parser.setQuoteChars(new char[0]);
    parser.setEscapeChars(new char[0]);
    LineReaderBuilder builder =
        LineReaderBuilder.builder()
            .terminal(terminal)
            .parser(parser)
            .option(LineReader.Option.DISABLE_EVENT_EXPANSION, true)
            .option(LineReader.Option.HISTORY_IGNORE_SPACE, true);
    Path history = history(environment);
    if (isWritable(history)) {
      builder.variable(LineReader.HISTORY_FILE, history);
    }
    reader = builder.build();
  }

  static Path history(Environment environment) {
    return environment
        .variable("XDG_STATE_HOME")
        .map(state -> Path.of(state, "moka"))
        .orElseGet(() -> Path.of(environment.variable("HOME").orElse("."), ".moka"))
        .resolve("chat-history");
  }

  /** A history that cannot be kept is no reason not to chat. */
  private static boolean isWritable(Path history) {
    try {
      Files.createDirectories(history.getParent());
      return Files.isWritable(history.getParent());
    } catch (IOException e) {
      return false;
    }
  }

  @Override
  public TypedText read(String prompt) {
    try {
      return new TypedText.Text(reader.readLine(prompt));
    } catch (UserInterruptException e) {
      return new TypedText.Interrupted();
    } catch (EndOfFileException e) {
      return new TypedText.End();
    }
  }

  @Override
  public void onInterrupt(Runnable stop) {
    terminal.handle(Terminal.Signal.INT, signal -> stop.run());
    if (terminal instanceof DumbTerminal) {
      Signals.register("INT", stop); // which a terminal of that kind does not do itself
    }
  }

  @Override
  public void close() {
    try {
      terminal.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
