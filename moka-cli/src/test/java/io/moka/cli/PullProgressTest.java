package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.PullProgress.State;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PullProgressTest {
  private static final long SECOND_NANOS = 1_000_000_000;
  private static final State STATE = new State(3, 12, 27_500_000_000L, 61_100_000_000L, 84_700_000);

  private final ByteArrayOutputStream err = new ByteArrayOutputStream();
  private long nanos = Long.MAX_VALUE - SECOND_NANOS / 2; // the clock may overflow
  private int columns = 80;

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      value = {
        "79; '[#########             ]  45 %  27.5/61.1 GB  7 min left  84.7 MB/s  3/12 files'",
        "120; '[##################                      ]  45 %  27.5/61.1 GB  7 min left  84.7"
            + " MB/s  3/12 files'",
        "60; ' 45 %  27.5/61.1 GB  7 min left  84.7 MB/s  3/12 files'",
        "50; ' 45 %  27.5/61.1 GB  7 min left  84.7 MB/s'",
        "39; ' 45 %  27.5/61.1 GB  7 min left'",
        "30; ' 45 %  27.5/61.1 GB'",
        "20; ' 45 %  27.5/61.1 GB'",
        "10; ' 45 %'",
      })
  void saysAsMuchAsFits(int width, String line) {
    assertThat(PullProgress.line(STATE, width)).isEqualTo(line);
  }

  @Test
  void knowsTheBeginningAndTheEnd() {
    assertThat(PullProgress.line(new State(0, 1, 0, 1000, 0), 79))
        .endsWith("]   0 %  0 bytes/1.0 kB");
    assertThat(PullProgress.line(new State(1, 1, 0, 0, 0), 40)).contains("] 100 %  0/0 bytes");
    assertThat(PullProgress.line(new State(0, 1, 2000, 1000, 5), 79)).contains("] 100 %");
  }

  @ParameterizedTest
  @ValueSource(ints = {80, 40, 20, 3, 1})
  void keepsToOneLine(int width) {
    columns = width;
    try (PullProgress progress = progress(true)) {
      progress.onStart(2, 100_000_000, 0, 0);
      for (int i = 0; i < 100; i++) {
        nanos += SECOND_NANOS / 4;
        progress.onBytes(1_000_000, true);
      }
    }
    assertThat(err.toString().split("\r")).allMatch(line -> line.length() < Math.max(width, 7));
  }

  @Test
  void countsWhatCameLately() {
    try (PullProgress progress = progress(true)) {
      progress.onStart(2, 100_000_000, 1, 10_000_000);
      for (int i = 0; i < 60; i++) {
        nanos += SECOND_NANOS;
        progress.onBytes(i < 30 ? 100 : 1_000_000, true);
      }
      assertThat(err.toString()).contains("/100.0 MB  77 s left  1.0 MB/s");
      nanos += SECOND_NANOS;
      progress.onFile("a");
      assertThat(err.toString()).contains("2/2 files");
    }
    assertThat(err.toString()).endsWith(" \r");
  }

  @Test
  void saysWhatAUserMayWantToKnow() {
    try (PullProgress progress = progress(true)) {
      progress.onStart(1, 100, 0, 0);
      progress.onNotice("a\u001b[2Jb: trying again");
      assertThat(err.toString()).contains("\rmoka: a?[2Jb: trying again\n");
    }
  }

  @Test
  void showsNothingElsewhere() {
    try (PullProgress progress = progress(false)) {
      progress.onStart(1, 100, 0, 0);
      nanos += SECOND_NANOS;
      progress.onBytes(50, true);
      assertThat(err.toString()).isEmpty();
      progress.onNotice("trying again");
    }
    assertThat(err.toString()).isEqualToIgnoringNewLines("moka: trying again");
  }

  @Test
  void saysNothingAfterItsEnd() {
    PullProgress progress = progress(true);
    progress.onStart(1, 100, 0, 0);
    progress.close();
    err.reset();
    nanos += SECOND_NANOS;
    progress.onBytes(5, true);
    progress.close();
    assertThat(err.toString()).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0 s",
    "99, 99 s",
    "100, 2 min",
    "3600, 60 min",
    "5999, 1 h 40 min",
    "86399, 24 h 0 min"
  })
  void saysHowLong(long seconds, String text) {
    assertThat(Words.duration(seconds)).isEqualTo(text);
  }

  private PullProgress progress(boolean terminal) {
    Environment environment =
        new Environment(
            InputStream.nullInputStream(),
            new PrintStream(OutputStream.nullOutputStream()),
            new PrintStream(err, true),
            Map.of(),
            Optional.empty(),
            false,
            false,
            terminal);
    return new PullProgress(environment, () -> columns, () -> nanos);
  }
}
