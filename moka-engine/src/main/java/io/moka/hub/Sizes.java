package io.moka.hub;

import java.util.Locale;

/** Numbers of bytes in messages. */
public final class Sizes {
  private static final String UNITS = "kMGTPE";

  private Sizes() {}

  /**
   * A size in units of 1000, as disks and hubs count.
   *
   * @param bytes how many
   * @return such as {@code 14.9 MB}
   */
  public static String text(long bytes) {
    if (bytes < 1000) {
      return bytes + " bytes";
    }
    double value = bytes;
    int unit = -1;
    while (value >= 999.95 && unit + 1 < UNITS.length()) {
      value /= 1000;
      unit++;
    }
    return String.format(Locale.ROOT, "%.1f %sB", value, UNITS.charAt(unit));
  }
}
