package io.moka.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/** Lines of a pipe or a file; Ctrl-C ends the program, as in any pipeline. */
final class PipedLines implements LineSource {
  private final BufferedReader in;

  PipedLines(InputStream in) {
    this.in = new BufferedReader(new InputStreamReader(in, StandardCharsets.UTF_8));
  }

  @Override
  public TypedText read(String prompt) {
    try {
      String line = in.readLine();
      return line == null ? new TypedText.End() : new TypedText.Text(line);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void onInterrupt(Runnable stop) {}

  @Override
  public void close() {}
}
