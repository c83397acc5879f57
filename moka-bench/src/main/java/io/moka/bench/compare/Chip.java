package io.moka.bench.compare;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/**
 * The processor, as the system names it.
 *
 * @param name its model name
 * @param family the number of its family
 * @param model the number of its model within the family
 */
record Chip(String name, String family, String model) {
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");

  static Chip read() {
    Map<String, String> fields = new HashMap<>();
    try {
      for (String line : Files.readAllLines(CPUINFO)) {
        String[] pair = line.split("\\s*:\\s*", 2);
        if (pair.length == 2) {
          fields.putIfAbsent(pair[0], pair[1]);
        }
      }
    } catch (IOException e) {
      return new Chip("unknown", "?", "?");
    }
    return new Chip(
        fields.getOrDefault("model name", "unknown"),
        fields.getOrDefault("cpu family", "?"),
        fields.getOrDefault("model", "?"));
  }

  @Override
  public String toString() {
    return name + ", family " + family + ", model " + model;
  }
}
