package io.moka.hub;

import io.moka.HubException;
import io.moka.IoReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;

/** What proves to a hub who asks. It shows itself in no message. */
public final class AccessToken {
  private static final Pattern TOKEN = Pattern.compile("[\\x21-\\x7e]{1,2048}");
  private static final int MAX_FILE_BYTES = 4096;

  private final String value;
  private final String origin;

  private AccessToken(String value, String origin) {
    this.value = value;
    this.origin = origin;
  }

  /**
   * Finds the token as huggingface_hub finds it: the variable {@code HF_TOKEN}, then the file that
   * {@code hf auth login} writes.
   *
   * @param environment variables
   * @return the token; empty when there is none
   * @throws HubException when there is something that can be no token
   */
  public static Optional<AccessToken> of(Map<String, String> environment) {
    Optional<String> variable = HubCache.variable(environment, "HF_TOKEN");
    if (variable.isPresent()) {
      return Optional.of(checked(variable.get().strip(), "HF_TOKEN"));
    }
    Path file =
        HubCache.variable(environment, "HF_TOKEN_PATH")
            .map(path -> HubCache.folder(environment, path))
            .orElseGet(() -> HubCache.home(environment).resolve("token"));
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    try (InputStream in = Files.newInputStream(file)) {
      String text = new String(in.readNBytes(MAX_FILE_BYTES), StandardCharsets.ISO_8859_1).strip();
      return text.isEmpty() ? Optional.empty() : Optional.of(checked(text, file.toString()));
    } catch (IOException e) {
      throw new HubException(
          file + ": the token cannot be read: " + IoReason.of(e) + "; set HF_TOKEN instead", e);
    }
  }

  private static AccessToken checked(String value, String origin) {
    if (!TOKEN.matcher(value).matches()) {
      throw new HubException(
          origin + ": not a token: expected visible characters without spaces; log in again");
    }
    return new AccessToken(value, origin);
  }

  /** The value of the header that carries it. */
  String authorization() {
    return "Bearer " + value;
  }

  /** Where it comes from. */
  String origin() {
    return origin;
  }

  @Override
  public String toString() {
    return "token of " + origin;
  }
}
