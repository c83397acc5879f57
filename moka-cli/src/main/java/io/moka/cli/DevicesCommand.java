package io.moka.cli;

import com.sun.management.OperatingSystemMXBean;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.cpu.MemoryNodes;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Collectors;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code moka devices}: what this machine offers, and what of it Moka takes. */
@Command(
    name = "devices",
    description = "Shows what computes on this machine: kernels, threads, memory, Java.",
    footer = {"", "Example:", "  moka devices"})
final class DevicesCommand implements Runnable {
  private final Environment environment;

  @Spec private CommandSpec command;

  @Mixin private final CommonOptions common = new CommonOptions();

  DevicesCommand(Environment environment) {
    this.environment = environment;
  }

  @Override
  public void run() {
    MachineCodeLimit.check(command);
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    int processors = Runtime.getRuntime().availableProcessors();
    try (Kernels kernels = KernelChoice.AUTO.open(processors)) {
      environment
          .out()
          .printf(
              "kernels     %s%nprocessors  %d, %s%nmemory      %s, %s free%s%nheap        %s%n"
                  + "java        %s%n",
              kernels(
                  kernels.description(),
                  KernelChoice.whyNoMachineCode(),
                  KernelChoice.machineCodeLimit()),
              processors,
              System.getProperty("os.arch"),
              Words.bytes(system.getTotalMemorySize()),
              Words.bytes(system.getFreeMemorySize()),
              nodes(MemoryNodes.read(Path.of("/"))),
              Words.bytes(Runtime.getRuntime().maxMemory()),
              Runtime.version());
    }
  }

  /** The memory nodes below the memory, where there are several. */
  static String nodes(MemoryNodes memory) {
    return memory.reasonForOne().isPresent()
        ? ""
        : memory.nodes().stream()
            .map(node ->
                "%n            node %d: %d processors"
                    .formatted(node.number(), node.processors().size()))
            .collect(Collectors.joining());
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
