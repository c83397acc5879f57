package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the variables say: the hub, the token, the cache. */
class HubSettingsTest {
  @TempDir private Path temp;

  @Test
  void hasDefaults() {
    HubSettings settings = HubSettings.of(Map.of("HOME", temp.toString()));
    assertThat(settings.endpoint()).isEqualTo(URI.create("https://huggingface.co"));
    assertThat(settings.token()).isEmpty();
    assertThat(settings.offline()).isFalse();
    assertThat(settings.cache().root()).isEqualTo(temp.resolve(".cache/huggingface/hub"));
  }

  @Test
  void readsVariables() {
    HubSettings settings =
        HubSettings.of(
            Map.of(
                "HF_ENDPOINT", "https://hub.example/hf/ ",
                "HF_TOKEN", " hf_a\n",
                "HF_HUB_OFFLINE", "True",
                "HF_HUB_CACHE", "/cache"));
    assertThat(settings.endpoint()).hasToString("https://hub.example/hf");
    assertThat(settings.token().orElseThrow().authorization()).isEqualTo("Bearer hf_a");
    assertThat(settings.offline()).isTrue();
    assertThat(settings.withOffline(false).offline()).isFalse();
    assertThat(settings.cache()).isEqualTo(new HubCache(Path.of("/cache")));
    assertThat(offline("0")).isFalse();
    assertThat(offline("off")).isFalse();
    assertThat(offline("1")).isTrue();
  }

  private boolean offline(String value) {
    return HubSettings.of(Map.of("HOME", temp.toString(), "HF_HUB_OFFLINE", value)).offline();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "huggingface.co",
        "file:///x",
        "ftp://x",
        "https://",
        "https://user@host",
        "https://host?x=y",
        "https://host#x",
        "https://ho st"
      })
  void refusesAnEndpointThatIsNone(String endpoint) {
    assertThatThrownBy(
            () -> HubSettings.of(Map.of("HOME", temp.toString(), "HF_ENDPOINT", endpoint)))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("HF_ENDPOINT")
        .hasMessageContaining(endpoint);
  }

  @Test
  void sendsNoTokenInTheClear() {
    assertThat(protects("https://huggingface.co")).isTrue();
    assertThat(protects("http://127.0.0.1:80")).isTrue();
    assertThat(protects("http://LOCALHOST")).isTrue();
    assertThat(protects("http://[::1]:8080")).isTrue();
    assertThat(protects("http://hub.example")).isFalse();
    assertThat(protects("http://127.0.0.1.example")).isFalse();
    assertThat(protects("http://localhost.example")).isFalse();
  }

  private boolean protects(String endpoint) {
    return HubSettings.of(Map.of("HOME", temp.toString(), "HF_ENDPOINT", endpoint)).protectsToken();
  }

  @Test
  void readsTheTokenOfALogin() throws IOException {
    Path home = Files.createDirectories(temp.resolve("home"));
    Path token = Files.writeString(home.resolve("token"), "hf_file\n");
    Map<String, String> variables = Map.of("HF_HOME", home.toString());
    assertThat(AccessToken.of(variables).orElseThrow().authorization()).isEqualTo("Bearer hf_file");
    assertThat(AccessToken.of(variables).orElseThrow()).hasToString("token of " + token);
    Path other = Files.writeString(temp.resolve("other"), "hf_other");
    assertThat(
            AccessToken.of(Map.of("HF_HOME", home.toString(), "HF_TOKEN_PATH", other.toString()))
                .map(AccessToken::authorization))
        .contains("Bearer hf_other");
    Files.writeString(token, " \n");
    assertThat(AccessToken.of(variables)).isEmpty();
    Files.writeString(token, "two words");
    assertThatThrownBy(() -> AccessToken.of(variables))
        .isInstanceOf(HubException.class)
        .hasMessageContaining(token.toString())
        .hasMessageNotContaining("words;");
  }

  @Test
  void showsNoToken() {
    Optional<AccessToken> token = AccessToken.of(Map.of("HF_TOKEN", "hf_secret"));
    HubSettings settings =
        new HubSettings(
            URI.create("https://x"), token, false, new HubCache(temp), Duration.ofSeconds(1), 1);
    assertThat(settings.toString()).doesNotContain("hf_secret");
    assertThatThrownBy(() -> AccessToken.of(Map.of("HF_TOKEN", "hf_ sec\nret")))
        .hasMessageNotContaining("sec")
        .hasMessageContaining("HF_TOKEN");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "/",
        "a/b/c",
        "../x",
        "a/..",
        "a--b",
        "org/a--b",
        ".x",
        "a b",
        "a/b@",
        "a/b@x:",
        "a/b@../x",
        "a/b@x@y",
        "a/b:",
        "a/b:../c",
        "a/b@v1:/etc/x",
        "a/b:c//d",
        "-x/y"
      })
  void knowsWhatIsNoName(String text) {
    assertThat(ModelName.parse(text)).isEmpty();
  }

  @Test
  void takesNamesApart() {
    assertThat(ModelName.parse("org/name@refs/pr/1:a/b:c.gguf"))
        .contains(new ModelName("org/name", Optional.of("refs/pr/1"), Optional.of("a/b:c.gguf")));
    assertThat(ModelName.parse("gpt2"))
        .contains(new ModelName("gpt2", Optional.empty(), Optional.empty()));
    assertThat(ModelName.parse("org/name@v1:Q4_K_M").orElseThrow())
        .hasToString("org/name@v1:Q4_K_M");
    assertThat(ModelName.parse("x".repeat(97))).isEmpty();
  }

  @Test
  void namesTheFileThatNoRepositoryCanHold() {
    assertThat(ModelName.impossibleFile("a/b:../../c")).contains("../../c");
    assertThat(ModelName.impossibleFile("a/b@v1:/etc/x")).contains("/etc/x");
    for (String other : List.of("a/b", "a/b:c", "a/b:", "../x:../c", "a/b@../x:../c")) {
      assertThat(ModelName.impossibleFile(other)).as(other).isEmpty();
    }
  }

  @Test
  void knowsWhatIsNoPath() {
    assertThatThrownBy(() -> HubCache.of(Map.of("HF_HUB_CACHE", "a\0b")))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("HF_HUB_CACHE");
  }
}
