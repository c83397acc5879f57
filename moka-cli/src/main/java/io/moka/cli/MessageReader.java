package io.moka.cli;

/**
 * Puts messages together from lines: a backslash at the end of a line, or {@code """} around
 * several, make one message of more than one line.
 */
final class MessageReader {
  private static final String FIRST = ">>> ";
  private static final String MORE = "... ";
  private static final String FENCE = "\"\"\"";

  private final LineSource lines;

  MessageReader(LineSource lines) {
    this.lines = lines;
  }

  TypedText read() {
    return switch (lines.read(FIRST)) {
      case TypedText.Text(String line) when line.startsWith(FENCE) ->
          fenced(line.substring(FENCE.length()));
      case TypedText.Text(String line) when line.endsWith("\\") -> continued(line);
      case TypedText other -> other;
    };
  }

  private TypedText fenced(String first) {
    StringBuilder text = new StringBuilder();
    String line = first;
    while (!line.stripTrailing().endsWith(FENCE)) {
      text.append(line).append('\n');
      switch (lines.read(MORE)) {
        case TypedText.Text(String next) -> line = next;
        case TypedText.End _ -> {
          return new TypedText.Text(text.toString().strip());
        }
        case TypedText.Interrupted interrupted -> {
          return interrupted;
        }
      }
    }
    String last = line.stripTrailing();
    text.append(last, 0, last.length() - FENCE.length());
    return new TypedText.Text(text.toString().strip());
  }

  private TypedText continued(String first) {
    StringBuilder text = new StringBuilder();
    String line = first;
    while (line.endsWith("\\")) {
      text.append(line, 0, line.length() - 1).append('\n');
      switch (lines.read(MORE)) {
        case TypedText.Text(String next) -> line = next;
        case TypedText.End _ -> line = "";
        case TypedText.Interrupted interrupted -> {
          return interrupted;
        }
      }
    }
    return new TypedText.Text(text.append(line).toString());
  }
}
