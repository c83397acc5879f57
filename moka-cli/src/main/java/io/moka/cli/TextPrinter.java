package io.moka.cli;

import io.moka.engine.TokenListener;
import java.io.PrintStream;

/** Prints a text while it grows. On a terminal a model's text gives the terminal no commands. */
final class TextPrinter implements TokenListener {
  private static final String DIM = "\u001b[2m";
  private static final String PLAIN = "\u001b[0m";

  private final PrintStream out;
  private final boolean terminal;
  private final boolean colours;
  private boolean endsLine = true;

  TextPrinter(Environment environment) {
    this.out = environment.out();
    this.terminal = environment.outTerminal();
    this.colours = environment.outColours();
  }

  /** Shows, on a terminal alone, the text that goes before. */
  void before(String text) {
    if (terminal && !text.isEmpty()) {
      out.print(colours ? DIM + clean(text) + PLAIN : clean(text));
      endsLine = text.endsWith("\n");
    }
  }

  @Override
  public void onToken(int id, String text) {
    if (!text.isEmpty()) {
      out.print(clean(text));
      endsLine = text.endsWith("\n");
    }
  }

  /** Ends the last line. */
  void end() {
    if (!endsLine) {
      out.print('\n');
    }
    out.flush();
  }

  private String clean(String text) {
    if (!terminal || text.chars().noneMatch(TextPrinter::isCommand)) {
      return text;
    }
    StringBuilder clean = new StringBuilder();
    text.chars().filter(c -> !isCommand(c)).forEach(c -> clean.append((char) c));
    return clean.toString();
  }

  private static boolean isCommand(int c) {
    return Character.isISOControl(c) && c != '\n' && c != '\t';
  }
}
