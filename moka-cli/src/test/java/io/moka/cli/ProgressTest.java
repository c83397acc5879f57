package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProgressTest {
  private static final long SECOND_NANOS = 1_000_000_000;

  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private long nanos = Long.MAX_VALUE - SECOND_NANOS / 2; // the clock may overflow

  @Test
  void showsABarAfterASecond() {
    try (Progress progress = new Progress(environment(true), "loading", () -> nanos)) {
      progress.accept(0.1);
      assertThat(err.toString()).isEmpty();
      nanos += SECOND_NANOS;
      progress.accept(0.5);
      assertThat(err.toString()).contains("loading [####").contains("50 %");
      progress.accept(0.6);
      assertThat(err.toString()).doesNotContain("60 %");
    }
    assertThat(err.toString()).endsWith(" \r");
  }

  @Test
  void isSilentElsewhere() {
    try (Progress progress = new Progress(environment(false), "loading", () -> nanos)) {
      nanos += 5 * SECOND_NANOS;
      progress.accept(0.5);
    }
    assertThat(err.toString()).isEmpty();
  }

  private Environment environment(boolean terminal) {
    return new Environment(
        InputStream.nullInputStream(),
        new PrintStream(OutputStream.nullOutputStream()),
        new PrintStream(err, true),
        Map.of(),
        Optional.empty(),
        false,
        false,
        terminal);
  }
}
