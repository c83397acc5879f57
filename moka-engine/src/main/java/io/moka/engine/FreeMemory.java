package io.moka.engine;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** How much memory can still be taken. */
public final class FreeMemory {
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Pattern FIELD = Pattern.compile("(?m)^(\\w+): +(\\d{1,15}) kB$");

  private FreeMemory() {}

  /**
   * Memory that can be taken without swapping, within the limit of a container where there is one.
   *
   * @return bytes
   */
  public static long bytes() {
    OperatingSystemMXBean system = ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);
    String meminfo = read();
    OptionalLong available = kibibytes(meminfo, "MemAvailable");
    OptionalLong total = kibibytes(meminfo, "MemTotal");
    boolean limited = total.isEmpty() || system.getTotalMemorySize() / 1024 < total.getAsLong();
    long free = system.getFreeMemorySize(); // on the bare system, without what caches would yield
    if (available.isEmpty()) {
      return free;
    }
    return limited ? Math.min(free, available.getAsLong() * 1024) : available.getAsLong() * 1024;
  }

  /** A field of a meminfo text. */
  static OptionalLong kibibytes(String meminfo, String field) {
    Matcher line = FIELD.matcher(meminfo);
    while (line.find()) {
      if (line.group(1).equals(field)) {
        return OptionalLong.of(Long.parseLong(line.group(2)));
      }
    }
    return OptionalLong.empty();
  }

  private static String read() {
    try {
      return Files.isReadable(MEMINFO) ? Files.readString(MEMINFO) : "";
    } catch (IOException e) {
      return "";
    }
  }
}
