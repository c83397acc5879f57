package io.moka.cli;

import io.moka.IoReason;
import io.moka.MokaException;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.UnmatchedArgumentException;

/** Turns whatever went wrong into one or two lines on standard error and an exit code. */
final class Failures {
  private static final int FAILURE = 1;
  private static final int USAGE = 2;
  private static final Path NO_FILE = Path.of(""); // none is named yet

  private final PrintStream err;
  private final boolean verbose;

  Failures(Environment environment, boolean verbose) {
    this.err = environment.err();
    this.verbose = verbose;
  }

  /** A command line that cannot be understood. */
  int usage(ParameterException e, VariableDefaults variables) {
    Optional<String> origin =
        e.getArgSpec() == null || e.getValue() == null
            ? Optional.empty()
            : origin(e.getArgSpec(), e, variables);
    say(message(e) + origin.map(text -> " (" + text + ")").orElse(""));
    err.println("Try: " + e.getCommandLine().getCommandSpec().qualifiedName() + " --help");
    return USAGE;
  }

  /** Where a command was expected, a word that is none is named as such, with those there are. */
  private static String message(ParameterException e) {
    Set<String> commands = e.getCommandLine().getSubcommands().keySet();
    if (e instanceof UnmatchedArgumentException unmatched && !commands.isEmpty()) {
      String word = unmatched.getUnmatched().getFirst();
      return word.startsWith("-")
          ? e.getMessage()
          : "there is no command " + word + "; there are " + String.join(", ", commands);
    }
    return e.getMessage();
  }

  /**
   * The variable that a bad value came from; the message names the option alone. Where the parser
   * did not give the value, the option's absence from the command line says that it is this one.
   */
  private static Optional<String> origin(
      ArgSpec argument, ParameterException e, VariableDefaults variables) {
    boolean variable =
        argument instanceof OptionSpec option
            && !e.getCommandLine().getParseResult().hasMatchedOption(option);
    return variables
        .assignment(argument)
        .filter(text -> e.getValue().isEmpty() ? variable : text.endsWith("=" + e.getValue()));
  }

  /** Anything else. */
  int report(Throwable e) {
    switch (e) {
      case MokaException _ -> say(String.valueOf(e.getMessage()));
      case IOException io -> say("cannot read or write: " + IoReason.of(NO_FILE, io));
      case UncheckedIOException io -> say("cannot read or write: " + IoReason.of(NO_FILE, io));
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
