package io.moka.hub;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import io.moka.MokaException;
import java.util.Optional;

/** What a hub's refusal means, and what to do about it. */
final class Refusals {
  private final HubSettings settings;
  private final ModelName name;

  Refusals(HubSettings settings, ModelName name) {
    this.settings = settings;
    this.name = name;
  }

  /**
   * Explains an answer that is none.
   *
   * @param reply of the hub, or of where it sent on
   * @param what was asked for: a file, a revision
   * @return the error
   */
  MokaException explain(Reply reply, String what) {
    String who = Origin.of(reply.uri()).toString();
    String code = reply.header("X-Error-Code").orElse("");
    boolean denied = reply.status() == 401 || reply.status() == 403;
    if (denied && code.equals("GatedRepo")) {
      return new HubException(name.repository() + gated());
    }
    if (denied && !reply.ofHub()) {
      return new HubException(
          what + ": " + who + ", where the hub sent on, refuses (" + reply.status() + ")");
    }
    return switch (reply.status()) {
      case 401 -> new HubException(name.repository() + unknown(who));
      case 403 ->
          new HubException(
              name.repository() + ": " + who + " refuses " + what + said(reply) + access("; "));
      case 404 -> new ModelNotFoundException(missing(who, code, what));
      default ->
          new HubException(
              what
                  + ": "
                  + who
                  + " answers "
                  + reply.status()
                  + said(reply)
                  + "; check HF_ENDPOINT");
    };
  }

  private String gated() {
    String ask =
        ": has to be asked for: accept its terms at "
            + settings.endpoint()
            + "/"
            + name.repository();
    return settings.token().isPresent()
        ? ask + "; the account of the " + settings.token().get() + " has no access yet"
        : ask + ", then log in (hf auth login) or set HF_TOKEN";
  }

  /** Hubs do not tell strangers what exists. */
  private String unknown(String who) {
    return ": "
        + who
        + " knows no such repository, or shows it to others only; check the name"
        + access(", or ");
  }

  /**
   * What to do about the rights of who asks.
   *
   * @param joint between that and the text before it
   */
  private String access(String joint) {
    if (settings.token().isEmpty()) {
      return joint + "log in (hf auth login) or set HF_TOKEN";
    }
    return settings.protectsToken()
        ? joint + "check the " + settings.token().get() + ", which may be wrong or too old"
        : "; the "
            + settings.token().get()
            + " was not sent, since the hub is reached without encryption";
  }

  private String missing(String who, String code, String what) {
    return switch (code) {
      case "RevisionNotFound" ->
          name.repository() + ": has no revision " + name.revision().orElse("main") + " at " + who;
      case "EntryNotFound" -> name.repository() + ": has no file " + what + " at " + who;
      default -> name.repository() + unknown(who);
    };
  }

  private static String said(Reply reply) {
    Optional<String> message = reply.header("X-Error-Message");
    return message.map(text -> " (\"" + Printable.text(text) + "\")").orElse("");
  }
}
