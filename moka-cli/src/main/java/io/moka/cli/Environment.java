package io.moka.cli;

import io.moka.ModelNotFoundException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/**
 * What a command meets around it: the process's own streams and variables, or a test's.
 *
 * @param in standard input
 * @param out standard output
 * @param err standard error
 * @param variables environment variables
 * @param home where Moka lies, with the embedded model below it; empty when not known
 * @param inTerminal whether a person types the input
 * @param outTerminal whether the output is shown on a terminal
 * @param errTerminal whether messages are shown on a terminal
 */
record Environment(
    InputStream in,
    PrintStream out,
    PrintStream err,
    Map<String, String> variables,
    Optional<Path> home,
    boolean inTerminal,
    boolean outTerminal,
    boolean errTerminal) {

  /** The process's own; {@link StandardStreams#install} comes first. */
  static Environment ofProcess() {
    return new Environment(
        System.in,
        System.out,
        System.err,
        System.getenv(),
        Optional.ofNullable(System.getProperty("moka.home")).map(Path::of),
        Descriptors.isTerminal(0),
        Descriptors.isTerminal(1),
        Descriptors.isTerminal(StandardStreams.errorDescriptor()));
  }

  /**
   * Looks up a variable; an empty one counts as absent.
   *
   * @param name its name
   * @return its value
   */
  Optional<String> variable(String name) {
    return Optional.ofNullable(variables.get(name)).filter(value -> !value.isEmpty());
  }

  /** The folder of the model that comes with Moka. */
  Path embeddedModel() {
    Path root =
        home.orElseThrow(() ->
            new ModelNotFoundException(
                "where the embedded model lies is not known; start Moka by its launcher,"
                    + " ./moka, or give a model"));
    Path folder = root.resolve("models/fairytales-moe");
    if (!Files.isDirectory(folder)) {
      throw new ModelNotFoundException(
          folder + ": the embedded model is not there; restore that folder, or give a model");
    }
    return folder;
  }

  /** Whether text for standard output may have colours. */
  boolean outColours() {
    return outTerminal
        && variable("NO_COLOR").isEmpty()
        && !variable("TERM").equals(Optional.of("dumb"));
  }
}
