package io.moka.bench.compare;

import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The process of one engine: a command a line, and for each a line that begins with {@code ok} or
 * {@code error}. {@code bench/ik_engine.cpp} speaks the same words.
 */
final class EngineMain {
  private EngineMain() {}

  /**
   * Answers commands until its input ends.
   *
   * @param arguments {@code moka KERNELS ACTIVATIONS CACHE} or {@code llama.cpp FOLDER}
   */
  public static void main(String[] arguments) throws IOException {
    try (TimedEngine engine = open(arguments)) {
      serve(engine);
    }
  }

  /** Answers commands for an engine. */
  static void serve(TimedEngine engine) throws IOException {
    PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
    try (BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        try {
          out.println("ok " + answer(engine, line));
        } catch (RuntimeException e) {
          out.println("error " + String.valueOf(e.getMessage()).replace('\n', ' '));
        }
      }
    }
  }

  private static TimedEngine open(String[] arguments) {
    return switch (arguments[0]) {
      case "moka" ->
          new MokaEngine(
              KernelChoice.valueOf(arguments[1]),
              Activations.valueOf(arguments[2]),
              KvType.valueOf(arguments[3]));
      case "llama.cpp" -> new LlamaCpp(Path.of(arguments[1]));
      default -> throw new IllegalArgumentException("unknown engine " + arguments[0]);
    };
  }

  private static String answer(TimedEngine engine, String line) {
    String[] words = line.split(" ");
    return switch (words[0]) {
      case "load" -> {
        // the file is quoted: its name may hold blanks
        String file = line.substring(line.indexOf('"') + 1, line.lastIndexOf('"'));
        String[] rest = line.substring(line.lastIndexOf('"') + 2).split(" ");
        yield engine.load(Path.of(file), Integer.parseInt(rest[0]), rest[1].equals("1"));
      }
      case "decode" ->
          Arrays.stream(
                  engine.decode(
                      Integer.parseInt(words[1]),
                      Integer.parseInt(words[2]),
                      Integer.parseInt(words[3]),
                      words[4].equals("1")))
              .mapToObj(Long::toString)
              .collect(Collectors.joining(" "));
      case "prefill" ->
          Long.toString(engine.prefill(Integer.parseInt(words[1]), words[2].equals("1")));
      default -> throw new IllegalArgumentException("unknown command " + words[0]);
    };
  }
}
