package io.moka.cli;

import io.moka.hub.ModelName;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** What a user calls a model of a hub. */
final class HubName {
  private HubName() {}

  /** Reads it, or says what it should look like. */
  static ModelName parse(CommandSpec command, String text) {
    return ModelName.parse(text)
        .orElseThrow(() ->
            new ParameterException(
                command.commandLine(),
                "\""
                    + text
                    + "\" is no name of the form ORG/NAME, ORG/NAME@REVISION or ORG/NAME:FILE"));
  }
}
