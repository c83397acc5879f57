package io.moka.cli;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Runs the command in this process and keeps what it writes. */
final class Shell {
  /** The repository, which holds the embedded model. */
  static final Path HOME = Path.of("").toAbsolutePath().getParent();

  static final Path GOLDEN = HOME.resolve("moka-engine/src/test/resources/golden");

  private final Map<String, String> variables = new HashMap<>();
  private byte[] input = new byte[0];
  private boolean terminal;

  /** What a run left. */
  record Result(int code, String out, String err) {}

  Shell variable(String name, String value) {
    variables.put(name, value);
    return this;
  }

  Shell input(String text) {
    input = text.getBytes(StandardCharsets.UTF_8);
    return this;
  }

  /** Lets output and messages seem to go to a terminal. */
  Shell onTerminal() {
    terminal = true;
    return this;
  }

  Result run(String... words) {
    return run(Optional.of(HOME), words);
  }

  Result run(Optional<Path> home, String... words) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    Environment environment =
        new Environment(
            new ByteArrayInputStream(input),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            variables,
            home,
            false,
            terminal,
            terminal);
    int code = Main.run(environment, words);
    return new Result(
        code, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }
}
