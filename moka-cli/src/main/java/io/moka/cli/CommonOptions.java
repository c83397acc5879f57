package io.moka.cli;

import picocli.CommandLine.Option;

/** The options of every command. */
final class CommonOptions {
  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  private boolean help;

  @Option(
      names = VERBOSE,
      description = "Say more on standard error; after an error, the stack trace.")
  private boolean verbose;

  /** Read from the raw words too, for errors that come before or from parsing. */
  static final String VERBOSE = "--verbose";

  boolean verbose() {
    return verbose;
  }
}
