package io.moka.hub;

import java.net.URI;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;

/** Who answers at an address: scheme, host and port. */
record Origin(String scheme, String host, int port) {
  private static final int HTTPS_PORT = 443;
  private static final int HTTP_PORT = 80;
  private static final Pattern LOOPBACK =
      Pattern.compile("localhost|127(\\.\\d{1,3}){3}|\\[(0*:)*:?0*1\\]");

  static Origin of(URI uri) {
    String scheme = uri.getScheme().toLowerCase(Locale.ROOT);
    int standard = scheme.equals("https") ? HTTPS_PORT : HTTP_PORT;
    return new Origin(
        scheme,
        uri.getHost().toLowerCase(Locale.ROOT),
        uri.getPort() < 0 ? standard : uri.getPort());
  }

  /** An address of the web, without a name or a password in it. */
  static boolean isWeb(URI uri) {
    return Optional.ofNullable(uri.getScheme())
            .filter(scheme -> scheme.matches("(?i)https?"))
            .isPresent()
        && uri.getHost() != null
        && uri.getPort() <= 65535
        && uri.getRawUserInfo() == null;
  }

  /** By what is written: no name is looked up, since its answer could change. */
  static boolean isLoopback(URI uri) {
    return LOOPBACK.matcher(uri.getHost().toLowerCase(Locale.ROOT)).matches();
  }

  @Override
  public String toString() {
    int standard = scheme.equals("https") ? HTTPS_PORT : HTTP_PORT;
    return scheme + "://" + host + (port == standard ? "" : ":" + port);
  }
}
