package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import java.net.URI;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RedirectsTest {
  @ParameterizedTest
  @CsvSource({
    "https://hub/a/b, /c?d, https://hub/c?d",
    "https://hub/a/b, c, https://hub/a/c",
    "https://hub/a, //other/c, https://other/c",
    "https://hub/a, https://other:8443/c, https://other:8443/c",
    "http://hub/a, https://hub/a, https://hub/a",
    "http://hub/a, http://other/a, http://other/a",
    "https://localhost/a, http://127.0.0.1/a, http://127.0.0.1/a",
    "https://hub/a, 'https://cdn/x?name=\"a b\"|c', https://cdn/x?name=%22a%20b%22%7Cc",
  })
  void leadOn(String from, String location, String to) {
    assertThat(Redirects.resolve(URI.create(from), location)).hasToString(to);
  }

  @ParameterizedTest
  @CsvSource({
    "https://hub/a, http://hub/a, without encryption",
    "https://hub/a, HTTP://hub/a, without encryption",
    "https://hub/a, http://127.0.0.1/a, without encryption",
    "https://localhost/a, http://hub/a, without encryption",
    "https://hub/a, file:///etc/passwd, no address of the web",
    "https://hub/a, javascript:x, no address of the web",
    "https://hub/a, https://name:word@hub/a, no address of the web",
    "https://hub/a, https://hub:70000/a, no address of the web",
    "https://hub/a, 'https://[', no address",
    "https://hub/a, ' ', no address",
  })
  void leadNotAstray(String from, String location, String text) {
    assertThatThrownBy(() -> Redirects.resolve(URI.create(from), location))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("https://")
        .hasMessageContaining(text);
  }

  @Test
  void areShort() {
    assertThatThrownBy(() -> Redirects.resolve(URI.create("https://hub"), "/" + "x".repeat(9000)))
        .isInstanceOf(HubException.class);
  }

  @Test
  void originsAreTheSameHoweverTheyAreWritten() {
    Origin hub = Origin.of(URI.create("https://Hub.example"));
    assertThat(Origin.of(URI.create("HTTPS://hub.EXAMPLE:443/x"))).isEqualTo(hub);
    assertThat(Origin.of(URI.create("http://hub.example"))).isNotEqualTo(hub);
    assertThat(Origin.of(URI.create("https://hub.example:444"))).isNotEqualTo(hub);
    assertThat(Origin.of(URI.create("https://hub.example.evil"))).isNotEqualTo(hub);
    assertThat(hub).hasToString("https://hub.example");
    assertThat(Origin.of(URI.create("http://h:8080"))).hasToString("http://h:8080");
  }
}
