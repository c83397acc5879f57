package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.DamagedDownloadException;
import io.moka.HubException;
import io.moka.hub.FakeHub.Content;
import io.moka.hub.FakeServer.Answer;
import io.moka.hub.FakeServer.Request;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Downloads that break, go on, lie about their length or are not what they should be. */
class BrokenDownloadTest {
  private static final String FILE = "weights.gguf";
  private static final byte[] BYTES = PullBench.random(5_000_000, 7);

  @TempDir private Path temp;
  private final FakeHub hub = new FakeHub().file(FILE, BYTES, true);
  private PullBench bench;

  @BeforeEach
  void begin() {
    bench = new PullBench(hub, temp);
  }

  @AfterEach
  void end() {
    hub.close();
  }

  @Test
  void goesOnAfterRandomBreaks() {
    long seed = 20261125;
    Random random = new Random(seed);
    hub.onStorage(request ->
        random.nextInt(4) == 0
            ? Optional.empty()
            : Optional.of(cut(request, random.nextInt(2_000_000))));
    PullResult result = null;
    int pulls = 0;
    while (result == null) {
      assertThat(++pulls).as("seed %d", seed).isLessThan(1000);
      try {
        result = bench.pull("org/model");
      } catch (HubException brokenTooOften) {
        assertThat(brokenTooOften).as("seed %d", seed).hasMessageContaining("goes on");
      }
    }
    assertThat(result.files().getFirst()).as("seed %d", seed).hasBinaryContent(BYTES);
    assertThat(bench.notices).as("seed %d", seed).noneMatch(text -> text.contains("anew"));
  }

  /** Promises all and breaks off. */
  private Answer cut(Request request, int bytes) {
    int from = request.firstByte();
    int end = Math.min(BYTES.length, from + bytes);
    return out -> {
      FakeServer.head(
          out,
          from > 0 ? 206 : 200,
          "Content-Range: bytes " + from + "-" + (BYTES.length - 1) + "/" + BYTES.length,
          "Content-Length: " + (BYTES.length - from));
      out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
      out.write(Arrays.copyOfRange(BYTES, from, end));
    };
  }

  @Test
  void asksOnlyForWhatIsMissing() throws IOException {
    leave(Arrays.copyOf(BYTES, 3_000_000));
    PullResult result = bench.pull("org/model");
    assertThat(result.fetchedBytes()).isEqualTo(2_000_000);
    assertThat(hub.storage().requests().getFirst().headers())
        .containsEntry("range", "bytes=3000000-");
    assertThat(result.files().getFirst()).hasBinaryContent(BYTES);
    assertThat(bench.files()).noneMatch(file -> file.contains("incomplete"));
  }

  @Test
  void asksForNothingWhereAllIsThere() throws IOException {
    leave(BYTES);
    assertThat(bench.pull("org/model").fetchedBytes()).isZero();
    assertThat(hub.storage().requests()).isEmpty();
  }

  @Test
  void beginsAnewWhereTooMuchIsThere() throws IOException {
    leave(Arrays.copyOf(BYTES, BYTES.length + 1));
    assertThat(bench.pull("org/model").files().getFirst()).hasBinaryContent(BYTES);
  }

  @Test
  void beginsAnewWherePiecesDoNotFit() throws IOException {
    leave(new byte[1_000_000]);
    PullResult result = bench.pull("org/model");
    assertThat(result.files().getFirst()).hasBinaryContent(BYTES);
    assertThat(bench.notices).anyMatch(text -> text.contains("anew"));
  }

  @Test
  void takesTheWholeWhereAPartWasAskedFor() throws IOException {
    leave(Arrays.copyOf(BYTES, 3_000_000));
    hub.storageAnswers(FakeServer.answer(200, BYTES));
    assertThat(bench.pull("org/model").files().getFirst()).hasBinaryContent(BYTES);
  }

  @Test
  void asksForTheWholeWhereTheRangeIsWrong() throws IOException {
    for (String range :
        new String[] {
          "Content-Range: bytes 2-4999999/5000000",
          "Content-Range: bytes 3000000-4999999/6000000",
          "Content-Range: bytes 3000000-3999999/5000000",
          "Content-Range: lines 3000000-4999999/5000000",
          "X-No-Range: at all"
        }) {
      Files.deleteIfExists(bench.blob(hub.hash(FILE)));
      Files.deleteIfExists(bench.snapshot().resolve(FILE));
      leave(Arrays.copyOf(BYTES, 3_000_000));
      byte[] rest = Arrays.copyOfRange(BYTES, 3_000_000, BYTES.length);
      hub.onStorage(request ->
          Optional.of(
              request.firstByte() > 0
                  ? FakeServer.answer(206, rest, range)
                  : FakeServer.answer(200, BYTES)));
      assertThat(bench.pull("org/model").files().getFirst()).as(range).hasBinaryContent(BYTES);
    }
  }

  @Test
  void asksForTheWholeWhereThereIsNoSuchRange() throws IOException {
    leave(Arrays.copyOf(BYTES, 3_000_000));
    hub.onStorage(request ->
        request.firstByte() > 0
            ? Optional.of(FakeServer.answer(416, "Content-Range: bytes */5"))
            : Optional.empty());
    assertThat(bench.pull("org/model").files().getFirst()).hasBinaryContent(BYTES);
  }

  @Test
  void givesUpWhereEveryAnswerBreaksOff() {
    hub.onStorage(request -> Optional.of(cut(request, 10)));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining(FILE)
        .hasMessageContaining("6 times in a row")
        .hasMessageContaining("goes on where this one ended");
    assertThat(bench.pauses).hasSize(5);
    assertThat(bench.files()).containsExactly("blobs/" + hub.hash(FILE).hex() + ".incomplete");
  }

  /** Much comes each time, but never more than the time before. */
  @Test
  void givesUpWhereEveryAnswerBeginsAnewAndBreaksOff() {
    AtomicInteger answers = new AtomicInteger();
    hub.onStorage(_ -> {
      answers.incrementAndGet();
      return Optional.of(out -> {
        FakeServer.head(out, 200, "Content-Length: " + BYTES.length);
        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
        out.write(BYTES, 0, 3_000_000);
      });
    });
    assertThatThrownBy(() -> bench.pull("org/model")).isInstanceOf(HubException.class);
    assertThat(answers).hasValueLessThan(20);
  }

  @Test
  void removesWhatHasAnotherHash() {
    byte[] other = BYTES.clone();
    other[4_999_999] ^= 1;
    hub.storageAnswers(FakeServer.answer(200, other));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(DamagedDownloadException.class)
        .hasMessageContaining(FILE)
        .hasMessageContaining("expected SHA-256 " + hub.hash(FILE).hex())
        .hasMessageContaining("sent SHA-256 " + new Content(other, true).hash().hex());
    assertThat(bench.files()).isEmpty();
    assertThat(hub.storage().requests()).hasSize(1);
  }

  @Test
  void removesASmallFileThatHasAnotherHash() {
    hub.file("config.json", "{\"a\": 1}");
    Content other = new Content("{\"a\": 2}".getBytes(StandardCharsets.UTF_8), false);
    hub.onHub(request ->
        request.method().equals("GET") && request.target().contains("config.json")
            ? Optional.of(FakeServer.answer(200, other.bytes()))
            : Optional.empty());
    assertThatThrownBy(() -> bench.pull("org/model:config.json"))
        .isInstanceOf(DamagedDownloadException.class)
        .hasMessageContaining("expected git blob " + hub.hash("config.json").hex())
        .hasMessageContaining("sent git blob " + other.hash().hex());
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void removesWhatHasAnotherHashAlsoAfterABreak() {
    AtomicInteger answers = new AtomicInteger();
    byte[] other = BYTES.clone();
    other[4_999_999] ^= 1;
    hub.onStorage(request ->
        Optional.of(
            answers.getAndIncrement() == 0
                ? cut(request, 100_000)
                : FakeHub.bytes(request, new Content(other, true))));
    assertThatThrownBy(() -> bench.pull("org/model")).isInstanceOf(DamagedDownloadException.class);
    // the beginning, the rest, and once the whole; a reset may take the beginning with it
    assertThat(answers.get()).isBetween(2, 3);
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void refusesAnotherLength() throws IOException {
    for (byte[] other : new byte[][] {Arrays.copyOf(BYTES, 4_999_999), new byte[5_000_001], {}}) {
      hub.storageAnswers(FakeServer.answer(200, other));
      assertThatThrownBy(() -> bench.pull("org/model"))
          .isInstanceOf(DamagedDownloadException.class)
          .hasMessageContaining("expected 5000000 bytes")
          .hasMessageContaining("sent " + other.length + " bytes")
          .hasMessageContaining("removed");
      assertThat(bench.files()).isEmpty();
    }
  }

  /** Such as the page of a network that wants a login first. */
  @Test
  void keepsWhatCameBeforeWhenThenSomethingElseComes() throws IOException {
    leave(Arrays.copyOf(BYTES, 3_000_000));
    hub.storageAnswers(FakeServer.answer(200, "<html>".getBytes(StandardCharsets.US_ASCII)));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(DamagedDownloadException.class)
        .hasMessageContaining("not taken");
    assertThat(bench.repository().incomplete(hub.hash(FILE))).hasSize(3_000_000);
  }

  @Test
  void readsNoFartherThanTheFileIsLong() {
    hub.onStorage(_ -> Optional.of(endless(BYTES)));
    PullResult result = bench.pull("org/model");
    assertThat(result.files().getFirst()).hasBinaryContent(BYTES);
    Files.exists(bench.snapshot());
  }

  @Test
  void refusesAnEndlessBodyOfSomethingElse() {
    hub.onStorage(_ -> Optional.of(endless(new byte[1000])));
    assertThatThrownBy(() -> bench.pull("org/model")).isInstanceOf(DamagedDownloadException.class);
    assertThat(bench.files()).isEmpty();
  }

  /** Chunks for ever; the hub's promise is what counts. */
  private static Answer endless(byte[] begin) {
    return out -> {
      FakeServer.head(out, 200, "Transfer-Encoding: chunked");
      out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
      byte[] chunk = begin;
      while (true) { // until the other side goes away
        out.write((Integer.toHexString(chunk.length) + "\r\n").getBytes(StandardCharsets.US_ASCII));
        out.write(chunk);
        out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
        chunk = new byte[100_000];
      }
    };
  }

  @Test
  void goesOnWhereAnAnswerWithoutLengthEndsEarly() {
    AtomicInteger answers = new AtomicInteger();
    hub.onStorage(request ->
        answers.getAndIncrement() > 0
            ? Optional.empty()
            : Optional.of(out -> {
              FakeServer.head(out, 200);
              out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
              out.write(BYTES, 0, 2_500_000);
            }));
    assertThat(bench.pull("org/model").files().getFirst()).hasBinaryContent(BYTES);
    assertThat(hub.storage().requests().getLast().headers())
        .containsEntry("range", "bytes=2500000-");
  }

  @Test
  void refusesACompressedBody() {
    hub.storageAnswers(FakeServer.answer(200, BYTES, "Content-Encoding: gzip"));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("compressed (gzip)");
    assertThat(hub.storage().requests().getFirst().headers())
        .containsEntry("accept-encoding", "identity");
  }

  @Test
  void givesUpOnAConnectionThatSaysNothing() {
    bench.idle(Duration.ofMillis(100));
    Answer begin = out -> cut(new Request("GET", "", java.util.Map.of()), 2000).write(out);
    hub.storageAnswers(hub.storage().thenHang(begin));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("nothing came for 0.1 s");
  }

  @Test
  void givesUpOnAnAnswerThatNeverBegins() {
    bench.idle(Duration.ofMillis(100));
    hub.storageAnswers(hub.storage().thenHang(_ -> {}));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("timed out");
  }

  @Test
  void stopsWhenInterruptedAndGoesOnLater() throws Exception {
    CountDownLatch began = new CountDownLatch(1);
    hub.onStorage(request ->
        request.firstByte() > 0
            ? Optional.empty()
            : Optional.of(hub.storage().thenHang(cut(request, 2_000_000))));
    Thread caller =
        Thread.ofPlatform()
            .start(() ->
                assertThatThrownBy(() ->
                        bench.pull(
                            "org/model",
                            new PullListener() {
                              private long sum;

                              @Override
                              public void onBytes(long bytes, boolean fetched) {
                                sum += bytes;
                                if (sum == 2_000_000) {
                                  began.countDown();
                                }
                              }
                            }))
                    .isInstanceOf(HubException.class)
                    .hasMessageContaining("interrupted"));
    began.await();
    caller.interrupt();
    caller.join();
    PullResult result = bench.pull("org/model");
    assertThat(result.fetchedBytes()).isEqualTo(3_000_000);
    assertThat(result.files().getFirst()).hasBinaryContent(BYTES);
  }

  private void leave(byte[] bytes) throws IOException {
    Path file = bench.repository().incomplete(hub.hash(FILE));
    Files.createDirectories(file.getParent());
    Files.write(file, bytes);
  }
}
