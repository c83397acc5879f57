package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class PrintableTest {
  @Test
  void showsWhatATerminalWouldObey() {
    assertThat(Printable.text("a\u001b[2Jb\r\nc\0\u009bd\u202ee\u2028"))
        .isEqualTo("a\\u001b[2Jb\\u000d\\u000ac\\u0000\\u009bd\\u202ee\\u2028");
    assertThat(Printable.text("Gr\u00fc\u00dfe \ud83d\ude00 \u4e2d"))
        .isEqualTo("Gr\u00fc\u00dfe \ud83d\ude00 \u4e2d");
    assertThat(Printable.text("\ud83d")).isEqualTo("\\ud83d");
    assertThat(Printable.text("x".repeat(1000))).hasSize(203).endsWith("...");
  }

  @Test
  void showsSizes() {
    assertThat(Sizes.text(999)).isEqualTo("999 bytes");
    assertThat(Sizes.text(14_949_999)).isEqualTo("14.9 MB");
    assertThat(Sizes.text(Long.MAX_VALUE)).isEqualTo("9.2 EB");
  }
}
