package io.moka.hub;

import io.moka.HubException;
import java.io.IOException;
import java.net.ConnectException;
import java.net.URI;
import java.nio.channels.UnresolvedAddressException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Optional;
import java.util.function.Consumer;

/** Tries again what may work the next time, a bounded number of times in a row. */
final class Persistence {
  private final int attempts;
  private final int attemptsToConnect;
  private final Backoff.Pause pause;
  private final Consumer<String> notices;
  private int failures;

  private Persistence(
      int attempts, int attemptsToConnect, Backoff.Pause pause, Consumer<String> notices) {
    this.attempts = attempts;
    this.attemptsToConnect = attemptsToConnect;
    this.pause = pause;
    this.notices = notices;
  }

  /** For a question: who waits for its answer wants to know soon that there is no network. */
  static Persistence ofQuestion(int attempts, Backoff.Pause pause, Consumer<String> notices) {
    return new Persistence(attempts, (attempts + 1) / 2, pause, notices);
  }

  /** For a download, which may run for hours and outlive a network that goes and comes back. */
  static Persistence ofDownload(int attempts, Backoff.Pause pause, Consumer<String> notices) {
    return new Persistence(2 * attempts, 2 * attempts, pause, notices);
  }

  /** Something that the network may make fail. */
  interface Attempt<T> {
    T run() throws IOException, InterruptedException;
  }

  /** Runs it until it works or may be given up. */
  <T> T persist(String what, URI uri, Attempt<T> attempt) throws InterruptedException {
    while (true) {
      try {
        return attempt.run();
      } catch (IOException e) {
        failed(what, uri, e, false);
      }
    }
  }

  /**
   * Waits after a failure.
   *
   * @param what was asked for
   * @param uri whom
   * @param e what went wrong
   * @param advanced whether it got on before that, so that the count begins anew
   * @throws HubException when it failed too often in a row, or for a reason that will not go away
   */
  void failed(String what, URI uri, IOException e, boolean advanced) throws InterruptedException {
    failures = advanced ? 1 : failures + 1;
    Optional<Duration> asked = e instanceof Unavailable no ? no.asked() : Optional.empty();
    boolean tooLong = asked.filter(wait -> wait.compareTo(Backoff.LONGEST) > 0).isPresent();
    int most = e instanceof ConnectException ? attemptsToConnect : attempts;
    if (failures >= most || tooLong || isDistrust(e)) {
      throw new HubException(what + ": " + Origin.of(uri) + advice(e, asked), e);
    }
    Duration wait = asked.orElseGet(() -> Backoff.after(failures));
    notices.accept(
        what + ": " + reason(e) + "; trying again in " + wait.toMillis() / 1000.0 + " s");
    pause.sleep(wait);
  }

  private String advice(IOException e, Optional<Duration> asked) {
    String often = failures > 1 ? ", " + failures + " times in a row" : "";
    return switch (e) {
      case Unavailable no when no.status() == 429 ->
          " asks for fewer questions (429)"
              + asked.map(wait -> "; try again in " + wait.toSeconds() + " s").orElse("")
              + "; with a token in HF_TOKEN one may ask more often";
      case Unavailable no -> " answers " + no.status() + often + "; try again later";
      case IOException _ when isDistrust(e) ->
          ": no safe connection: "
              + reason(e)
              + "; where a proxy reads along, MOKA_JAVA_OPTS=-Djavax.net.ssl.trustStore=FILE names"
              + " its certificate";
      case ConnectException _ ->
          ": cannot be reached: "
              + reason(e)
              + "; check the network and HF_ENDPOINT; a proxy is named by"
              + " MOKA_JAVA_OPTS=\"-Dhttps.proxyHost=HOST -Dhttps.proxyPort=PORT\"";
      default -> ": " + reason(e) + often + "; the same command goes on where this one ended";
    };
  }

  /** Whether the other side could not prove who it is; any other trouble with TLS may pass. */
  private static boolean isDistrust(Throwable e) {
    return e instanceof GeneralSecurityException
        || e.getCause() != null && isDistrust(e.getCause());
  }

  /** The JDK leaves some of its messages out. */
  private static String reason(IOException e) {
    Optional<String> message = Optional.ofNullable(e.getMessage()).filter(text -> !text.isBlank());
    if (message.isPresent()) {
      return Printable.text(message.get());
    }
    if (isUnresolved(e)) {
      return "its name is not known";
    }
    return e instanceof ConnectException ? "nobody answers" : e.getClass().getSimpleName();
  }

  private static boolean isUnresolved(Throwable e) {
    return e instanceof UnresolvedAddressException
        || e.getCause() != null && isUnresolved(e.getCause());
  }
}
