package io.moka.cli;

import com.sun.management.OperatingSystemMXBean;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import java.lang.management.ManagementFactory;
import java.util.Optional;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;

/** {@code moka devices}: what this machine offers, and what of it Moka takes. */
@Command(
    name = "devices",
    description = "Shows what computes on this machine: kernels, threads, memory, Java.",
    footer = {"", "Example:", "  moka devices"})
final class DevicesCommand implements Runnable {
  private final Environment environment;

  @Mixin private final CommonOptions common = new CommonOptions();

  DevicesCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    int processors = Runtime.getRuntime().availableProcessors();
    try (Kernels kernels = KernelChoice.AUTO.open(processors)) {
      environment
          .out()
          .printf(
              "kernels     %s%nprocessors  %d, %s%nmemory      %s, %s free%nheap        %s%n"
                  + "java        %s%n",
              kernels(
                  kernels.description(),
                  KernelChoice.whyNoMachineCode(),
                  KernelChoice.machineCodeLimit()),
              processors,
              System.getProperty("os.arch"),
              Words.bytes(system.getTotalMemorySize()),
              Words.bytes(system.getFreeMemorySize()),
              Words.bytes(Runtime.getRuntime().maxMemory()),
              Runtime.version());
    }
  }

  /** What computes, and below it why that is not machine code, or not all the machine code. */
  static String kernels(
      String description, Optional<String> whyNoMachineCode, Optional<String> limit) {
    return whyNoMachineCode
        .map(reason -> "no machine code: " + Words.oneLine(reason))
        .or(() -> limit.map(set -> "no more than %s allows".formatted(set)))
        .map(line -> "%s%n            %s".formatted(description, line))
        .orElse(description);
  }
}
