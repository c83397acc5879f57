package io.moka.cli;

import io.moka.PlatformException;
import io.moka.kernels.KernelChoice;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;

/** The variable that limits machine code, which has no option. */
final class MachineCodeLimit {
  private MachineCodeLimit() {}

  /** Refuses a value that names nothing, as the parser refuses those of other variables. */
  static void check(CommandSpec command) {
    try {
      KernelChoice.machineCodeLimit();
    } catch (PlatformException e) {
      throw new ParameterException(command.commandLine(), e.getMessage(), e);
    }
  }
}
