package io.moka.cli;

import java.lang.reflect.AnnotatedElement;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine.IDefaultValueProvider;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;

/**
 * Takes options that are not on the command line from variables: {@code --top-k} from {@code
 * MOKA_TOP_K}. An option has a variable when its description names it, so that no variable works
 * that the help does not mention.
 */
final class VariableDefaults implements IDefaultValueProvider {
  private final Environment environment;

  VariableDefaults(Environment environment) {
    this.environment = environment;
  }

  /** The variable of an option; empty when it has none. */
  static Optional<String> variable(ArgSpec argument) {
    // the option's own description() asks for its default, and so would come back here
    if (!(argument instanceof OptionSpec option
        && option.userObject() instanceof AnnotatedElement field)) {
      return Optional.empty();
    }
    String name =
        "MOKA" + option.longestName().substring(1).replace('-', '_').toUpperCase(Locale.ROOT);
    String[] description = field.getAnnotation(Option.class).description();
    boolean named = Arrays.stream(description).anyMatch(line -> line.contains("[" + name + "]"));
    return named ? Optional.of(name) : Optional.empty();
  }

  /** The variable and its value, where an option has them. */
  Optional<String> assignment(ArgSpec argument) {
    return variable(argument)
        .flatMap(name -> environment.variable(name).map(value -> name + "=" + value));
  }

  @Override
  public String defaultValue(ArgSpec argument) {
    Optional<String> value = variable(argument).flatMap(environment::variable);
    if (value.isEmpty()) {
      return null; // picocli's word for: use the option's own default
    }
    return argument.arity().max() == 0 ? truth(value.get()) : value.get();
  }

  private static String truth(String value) {
    return switch (value.toLowerCase(Locale.ROOT)) {
      case "1", "yes", "on" -> "true";
      case "0", "no", "off" -> "false";
      default -> value;
    };
  }
}
