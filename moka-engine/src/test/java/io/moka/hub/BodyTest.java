package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Flow.Subscription;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A body as a connection brings it, with a clock that the test moves. */
class BodyTest {
  private final AtomicLong nanos = new AtomicLong(Long.MAX_VALUE - 1000); // a clock may overflow
  private final AtomicBoolean cancelled = new AtomicBoolean();
  private final Body body = new Body(Duration.ofSeconds(30), nanos::get);

  @Test
  void endsWhereTheConnectionEnds() throws Exception {
    subscribe();
    give(3);
    give(0);
    give(4);
    body.onComplete();
    assertThat(body.next().getFirst().remaining()).isEqualTo(3);
    assertThat(body.next().getFirst().remaining()).isEqualTo(4);
    assertThat(body.next()).isEmpty();
    assertThat(body.next()).isEmpty();
  }

  @Test
  void breaksWhereTheConnectionBreaks() {
    subscribe();
    body.onError(new IllegalStateException("broken"));
    assertThatThrownBy(body::next).isInstanceOf(IOException.class).hasMessage("broken");
    assertThatThrownBy(body::next).isInstanceOf(IOException.class);
  }

  @Test
  void breaksWhereItOnlyDrips() throws Exception {
    subscribe();
    for (int second = 0; second <= 30; second++) {
      give(30);
      body.next();
      nanos.addAndGet(Duration.ofSeconds(1).toNanos());
    }
    give(30);
    assertThatThrownBy(body::next)
        .isInstanceOf(HttpTimeoutException.class)
        .hasMessage("only 960 bytes came in 30.0 s");
  }

  @Test
  void livesWhereEnoughComes() throws Exception {
    subscribe();
    for (int second = 0; second < 300; second++) {
      give(40);
      body.next();
      nanos.addAndGet(Duration.ofSeconds(1).toNanos());
    }
  }

  @Test
  void readsShortBodiesAlone() throws Exception {
    subscribe();
    give(10);
    give(10);
    body.onComplete();
    assertThat(body.readAll(20, Duration.ofSeconds(1)).orElseThrow()).hasSize(20);
    Body other = new Body(Duration.ofSeconds(30));
    other.onSubscribe(subscription());
    other.onNext(List.of(ByteBuffer.allocate(21)));
    assertThat(other.readAll(20, Duration.ofSeconds(1))).isEmpty();
  }

  @Test
  void readsNotForEver() {
    subscribe();
    for (int i = 0; i < 10; i++) {
      give(10_000);
    }
    nanos.addAndGet(Duration.ofSeconds(3).toNanos());
    Body slow = new Body(Duration.ofSeconds(30), () -> nanos.getAndAdd(1_000_000_000));
    slow.onSubscribe(subscription());
    for (int i = 0; i < 10; i++) {
      slow.onNext(List.of(ByteBuffer.allocate(10_000)));
    }
    assertThatThrownBy(() -> slow.readAll(1_000_000, Duration.ofSeconds(5)))
        .isInstanceOf(HttpTimeoutException.class)
        .hasMessageContaining("within 5 s");
  }

  @Test
  void letsTheConnectionGo() {
    body.close();
    assertThat(cancelled).isFalse();
    subscribe();
    assertThat(cancelled).isTrue();
  }

  @ParameterizedTest
  @CsvSource({"1, 500", "2, 1000", "3, 2000", "5, 8000", "6, 10000", "1000, 10000"})
  void pausesGrow(int failures, long millis) {
    assertThat(Backoff.after(failures)).isEqualTo(Duration.ofMillis(millis));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "Retry-After | 7 | 7",
        "Retry-After | Wed, 25 Nov 2026 10:00:30 GMT | 30",
        "Retry-After | Wed, 25 Nov 2026 09:00:00 GMT | -1",
        "Retry-After | soon | -1",
        "Retry-After | -5 | -1",
        "Retry-After | 99999999999999999999 | -1",
        "RateLimit | \"api\";r=0;t=55 | 55",
        "RateLimit | \"api\";r=10;t=55 | -1",
        "X-Other | 7 | -1",
      })
  void pausesAreAskedFor(String header, String value, long seconds) {
    var headers =
        java.net.http.HttpHeaders.of(java.util.Map.of(header, List.of(value)), (_, _) -> true);
    Reply reply = new Reply(java.net.URI.create("https://x"), true, 429, headers, body);
    assertThat(
            Backoff.asked(reply, Instant.parse("2026-11-25T10:00:00Z"))
                .map(Duration::toSeconds)
                .orElse(-1L))
        .isEqualTo(seconds);
  }

  private void give(int bytes) {
    body.onNext(List.of(ByteBuffer.allocate(bytes)));
  }

  private void subscribe() {
    body.onSubscribe(subscription());
  }

  private Subscription subscription() {
    return new Subscription() {
      @Override
      public void request(long n) {}

      @Override
      public void cancel() {
        cancelled.set(true);
      }
    };
  }
}
