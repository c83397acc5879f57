package io.moka.cli;

import io.moka.hub.ModelName;
import java.util.Optional;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What a user calls a model of a hub. */
final class HubName {
  private HubName() {}

  /** Reads it, or says what it should look like. */
  static ModelName parse(CommandSpec command, String text) {
    refuseImpossibleFile(command, text);
    return ModelName.parse(text)
        .orElseThrow(() ->
            new ParameterException(
                command.commandLine(),
                "\""
                    + text
                    + "\" is no name of the form ORG/NAME, ORG/NAME@REVISION or ORG/NAME:FILE"));
  }

  /** Refuses a name whose file no repository can hold: to fetch it would be of no use. */
  static void refuseImpossibleFile(CommandSpec command, String text) {
    Optional<String> file = ModelName.impossibleFile(text);
    if (file.isPresent()) {
      throw new ParameterException(
          command.commandLine(),
          text + ": \"" + file.get() + "\" cannot be a file of a repository");
    }
  }
}
