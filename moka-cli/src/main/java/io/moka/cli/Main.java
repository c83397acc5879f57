package io.moka.cli;

import java.io.PrintWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** The {@code moka} command. */
@Command(
    name = "moka",
    description = "Runs Mixture-of-Experts language models.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Examples:",
      "  moka run -p \"Once upon a time\"            the embedded model continues the text",
      "  moka run path/to/model -p \"Why is the sky blue?\"",
      "  moka chat path/to/model",
      "  moka pull Qwen/Qwen3-30B-A3B              then: moka chat Qwen/Qwen3-30B-A3B",
      "  moka run --help                           the options of a command",
    })
public final class Main implements Runnable {
  private static final int WIDTH = 100;
  private static final String LOG_FORMAT = "java.util.logging.SimpleFormatter.format";

  /** Those that are made for every word of the command line alike; a name and how to make it. */
  private static final Map<String, Function<Environment, Object>> COMMANDS = commands();

  private final Environment environment;

  @Spec private CommandSpec spec;

  @Mixin private final CommonOptions common = new CommonOptions();

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  private boolean version;

  private Main(Environment environment) {
    this.environment = environment;
  }

  private static Map<String, Function<Environment, Object>> commands() {
    Map<String, Function<Environment, Object>> commands = new LinkedHashMap<>();
    commands.put("run", RunCommand::new);
    commands.put("chat", ChatCommand::new);
    commands.put("pull", PullCommand::new);
    commands.put("list", ListCommand::new);
    commands.put("rm", RmCommand::new);
    commands.put("prefuse", PrefuseCommand::new);
    commands.put("inspect", InspectCommand::new);
    commands.put("logits", LogitsCommand::new);
    commands.put("perplexity", PerplexityCommand::new);
    commands.put("bench", BenchCommand::new);
    commands.put("devices", DevicesCommand::new);
    return commands;
  }

  /**
   * Runs the command and ends the process with its exit code.
   *
   * @param args the words of the command line
   */
  public static void main(String[] args) {
    StandardStreams.install();
    // a line as all others: without a date and the method that wrote it
    if (System.getProperty(LOG_FORMAT) == null) {
      System.setProperty(LOG_FORMAT, "moka: %5$s%6$s%n");
    }
    System.exit(run(Environment.ofProcess(), args));
  }

  /**
   * Runs the command.
   *
   * @param environment streams and variables
   * @param args the words of the command line
   * @return 0 for success, 1 for failure, 2 for a command line that cannot be understood
   */
  static int run(Environment environment, String... args) {
    Failures failures = new Failures(environment, List.of(args).contains(CommonOptions.VERBOSE));
    try {
      return commandLine(environment, failures, args).execute(args);
    } catch (Throwable e) {
      return failures.report(e);
    }
  }

  private static CommandLine commandLine(
      Environment environment, Failures failures, String... args) {
    CommandLine line = new CommandLine(new Main(environment));
    // reading a command's annotations takes time: only what was asked for, or all for the help
    if (args.length > 0 && COMMANDS.containsKey(args[0])) {
      line.addSubcommand(args[0], COMMANDS.get(args[0]).apply(environment));
    } else {
      COMMANDS.forEach((name, command) -> line.addSubcommand(name, command.apply(environment)));
    }
    EnumWords.register(line);
    VariableDefaults variables = new VariableDefaults(environment);
    line.getCommandSpec().versionProvider(() -> new String[] {"moka " + Version.text()});
    return line.setDefaultValueProvider(variables)
        .setAbbreviatedOptionsAllowed(false)
        .setUsageHelpWidth(WIDTH)
        .setOut(new PrintWriter(environment.out(), true))
        .setErr(new PrintWriter(environment.err(), true))
        .setColorScheme(Help.defaultColorScheme(environment.outColours() ? Ansi.ON : Ansi.OFF))
        .setParameterExceptionHandler((e, words) -> failures.usage(e, variables))
        .setExecutionExceptionHandler((e, command, parsed) -> failures.report(e));
  }

  @Override
  public void run() {
    spec.commandLine().usage(environment.out());
  }
}
