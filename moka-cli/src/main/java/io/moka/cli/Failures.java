package io.moka.cli;

import io.moka.MokaException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.util.Optional;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.ParameterException;

/** Turns whatever went wrong into one or two lines on standard error and an exit code. */
final class Failures {
  private static final int FAILURE = 1;
  private static final int USAGE = 2;

  private final PrintStream err;
  private final boolean verbose;

  Failures(Environment environment, boolean verbose) {
    this.err = environment.err();
    this.verbose = verbose;
  }

  /** A command line that cannot be understood. */
  int usage(ParameterException e, VariableDefaults variables) {
    Optional<String> origin =
        Optional.ofNullable(e.getArgSpec()).flatMap(argument -> origin(argument, e, variables));
    say(e.getMessage() + origin.map(text -> " (" + text + ")").orElse(""));
    err.println("Try: " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
    return USAGE;
  }

  /** The variable that a bad value came from; the message names the option alone. */
  private static Optional<String> origin(
      ArgSpec argument, ParameterException e, VariableDefaults variables) {
    return variables
        .assignment(argument)
        .filter(assignment -> assignment.endsWith("=" + e.getValue()));
  }

  /** Anything else. */
  int report(Throwable e) {
    switch (e) {
      case MokaException _ -> say(String.valueOf(e.getMessage()));
      case IOException _, UncheckedIOException _ -> say("cannot read or write: " + e.getMessage());
      case OutOfMemoryError _ ->
          say(
              "out of memory ("
                  + e.getMessage()
                  + "). A shorter --context takes less;"
                  + " MOKA_JAVA_OPTS=-Xmx2g gives Java a larger heap.");
      default -> {
        say("this should not have happened: " + e);
        if (!verbose) {
          err.println("Please report it with what " + CommonOptions.VERBOSE + " shows.");
        }
      }
    }
    if (verbose) {
      e.printStackTrace(err);
    }
    return FAILURE;
  }

  private void say(String message) {
    err.println("moka: " + Words.oneLine(message));
  }
}
