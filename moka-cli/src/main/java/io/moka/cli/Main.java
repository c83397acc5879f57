package io.moka.cli;

import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The {@code moka} command. */
@Command(
    name = "moka",
    description = "Runs Mixture-of-Experts language models.",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class)
public final class Main implements Runnable {

  /** Reads the version from the jar that the build made. */
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      String version = Main.class.getPackage().getImplementationVersion();
      return new String[] {"moka " + (version == null ? "(not from a jar)" : version)};
    }
  }

  private Main() {}

  /**
   * Runs the command and ends the process with its exit code.
   *
   * @param args the words of the command line
   */
  public static void main(String[] args) {
    StandardStreams.install();
    System.exit(new CommandLine(new Main()).execute(args));
  }

  @Override
  public void run() {
    CommandLine.usage(this, System.out);
  }
}
