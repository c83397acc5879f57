package io.moka.hub;

import io.moka.HubException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;

/** Where an answer may send on to. */
final class Redirects {
  /** A hub needs two or three. */
  static final int MOST = 8;

  private static final int MOST_CHARACTERS = 8192;

  private Redirects() {}

  static boolean isRedirect(int status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
  }

  /**
   * Reads the address that an answer sends on to.
   *
   * @param from who answered
   * @param location what the answer says
   * @return an address of the web
   * @throws HubException when it is none, or would go on in the clear
   */
  static URI resolve(URI from, String location) {
    if (location.isBlank() || location.length() > MOST_CHARACTERS) {
      throw refused(from, location, "is no address");
    }
    URI to;
    try {
      to = from.resolve(new URI(escape(location.strip())));
    } catch (URISyntaxException | IllegalArgumentException e) {
      throw refused(from, location, "is no address");
    }
    if (!Origin.isWeb(to)) {
      throw refused(from, location, "is no address of the web");
    }
    boolean downgrade =
        from.getScheme().equalsIgnoreCase("https") && !to.getScheme().equalsIgnoreCase("https");
    if (downgrade && !(Origin.isLoopback(from) && Origin.isLoopback(to))) {
      throw refused(from, location, "would go on without encryption");
    }
    return to;
  }

  /** Storage hosts write characters into their addresses that belong escaped. */
  private static String escape(String location) {
    StringBuilder escaped = new StringBuilder();
    for (byte b : location.getBytes(StandardCharsets.UTF_8)) {
      if (b <= ' ' || "\"<>\\^`{|}".indexOf(b) >= 0) {
        escaped.append(String.format("%%%02X", b));
      } else {
        escaped.append((char) b);
      }
    }
    return escaped.toString();
  }

  private static HubException refused(URI from, String location, String why) {
    return new HubException(
        Origin.of(from)
            + ": sends on to \""
            + Printable.text(location)
            + "\", which "
            + why
            + "; nothing was fetched from there");
  }
}
