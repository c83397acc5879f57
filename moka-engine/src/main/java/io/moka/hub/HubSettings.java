package io.moka.hub;

import io.moka.HubException;
import java.net.URI;
import java.net.URISyntaxException;
import java.time.Duration;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * Which hub, as whom, and how patiently.
 *
 * @param endpoint the hub, without a slash at the end
 * @param token who asks; empty for anybody
 * @param offline whether nothing may be asked at all
 * @param cache where files go
 * @param idle how long nothing, or next to nothing, may come before a connection counts as broken
 * @param attempts how often in a row a question may fail before it is given up; a download, twice
 *     as often
 */
public record HubSettings(
    URI endpoint,
    Optional<AccessToken> token,
    boolean offline,
    HubCache cache,
    Duration idle,
    int attempts) {
  private static final String STANDARD_ENDPOINT = "https://huggingface.co";
  private static final Set<String> TRUTH = Set.of("1", "on", "yes", "true");
  private static final Duration IDLE = Duration.ofSeconds(30);
  private static final int ATTEMPTS = 5;

  /** Checks the values. */
  public HubSettings {
    if (attempts < 1 || idle.isNegative() || idle.isZero()) {
      throw new IllegalArgumentException("attempts " + attempts + ", idle " + idle);
    }
  }

  /**
   * Reads the variables that huggingface_hub reads.
   *
   * @param environment variables: {@code HF_ENDPOINT}, {@code HF_TOKEN}, {@code HF_TOKEN_PATH},
   *     {@code HF_HUB_OFFLINE} and those of {@link HubCache#of}
   * @return the settings
   * @throws HubException when one of them makes no sense
   */
  public static HubSettings of(Map<String, String> environment) {
    return new HubSettings(
        endpoint(HubCache.variable(environment, "HF_ENDPOINT").orElse(STANDARD_ENDPOINT)),
        AccessToken.of(environment),
        HubCache.variable(environment, "HF_HUB_OFFLINE").filter(HubSettings::isTrue).isPresent(),
        HubCache.of(environment),
        IDLE,
        ATTEMPTS);
  }

  /**
   * The same with another answer to whether the network may be used.
   *
   * @param value whether nothing may be asked
   * @return the settings
   */
  public HubSettings withOffline(boolean value) {
    return new HubSettings(endpoint, token, value, cache, idle, attempts);
  }

  /** Whether the token may travel: never in the clear, except within this machine. */
  boolean protectsToken() {
    return endpoint.getScheme().equalsIgnoreCase("https") || Origin.isLoopback(endpoint);
  }

  private static boolean isTrue(String value) {
    return TRUTH.contains(value.strip().toLowerCase(Locale.ROOT));
  }

  private static URI endpoint(String text) {
    try {
      URI uri = new URI(text.strip().replaceAll("/+$", ""));
      if (Origin.isWeb(uri) && uri.getRawQuery() == null && uri.getRawFragment() == null) {
        return uri;
      }
    } catch (URISyntaxException _) {
      // as any other text that is no address
    }
    throw new HubException(
        "HF_ENDPOINT: expected the address of a hub such as "
            + STANDARD_ENDPOINT
            + ", found \""
            + Printable.text(text)
            + "\"");
  }
}
