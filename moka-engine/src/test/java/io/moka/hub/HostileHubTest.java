package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import io.moka.MokaException;
import io.moka.hub.FakeHub.Content;
import io.moka.hub.FakeServer.Answer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.json.JsonMapper;

/** A hub that refuses, or means no good. */
class HostileHubTest {
  private static final Content CONTENT = new Content(new byte[100], false);

  @TempDir private Path temp;
  private final FakeHub hub = PullBench.model();
  private PullBench bench;

  @BeforeEach
  void begin() {
    bench = new PullBench(hub, temp);
  }

  @AfterEach
  void nothingLiesOutsideTheCache() throws IOException {
    hub.close();
    try (Stream<Path> files = Files.list(temp)) {
      assertThat(files.filter(file -> !file.endsWith("hub"))).isEmpty();
    }
  }

  // ---- refusals

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "401 | X-Error-Code: RepoNotFound | false | knows no such repository",
        "401 | X-Error-Code: RepoNotFound | false | check the name, or log in (hf auth login)",
        "401 | X-A: b | true | or check the token of HF_TOKEN, which may be wrong or too old",
        "401 | X-Error-Code: GatedRepo | false | accept its terms at",
        "403 | X-Error-Code: GatedRepo | false | then log in (hf auth login) or set HF_TOKEN",
        "403 | X-Error-Code: GatedRepo | true | has no access yet",
        "403 | X-Error-Message: not your model | true | (\"not your model\"); check the token of",
        "403 | X-A: b | false | refuses revision main of org/model; log in (hf auth login) or set",
        "404 | X-Error-Code: RepoNotFound | true | knows no such repository",
        "404 | X-Error-Code: RevisionNotFound | true | has no revision main",
        "451 | X-Error-Message: a\u00adb | true | a\\u00adb",
        "400 | X-A: b | false | answers 400",
      })
  void explainsARefusal(int status, String header, boolean withToken, String text) {
    hub.hubAnswers("/revision/", FakeServer.answer(status, header));
    if (withToken) {
      bench.token("hf_secret");
    }
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(status == 404 ? ModelNotFoundException.class : HubException.class)
        .hasMessageContaining("org/model")
        .hasMessageContaining(text)
        .hasMessageNotContaining("hf_secret");
    assertThat(hub.hub().requests()).hasSize(1);
  }

  @Test
  void explainsThatAFileHasToBeAskedFor() {
    hub.hubAnswers("/resolve/", FakeServer.answer(401, "X-Error-Code: GatedRepo"));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .hasMessageContaining("accept its terms at " + hub.uri() + "/org/model");
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void explainsThatTheStorageRefuses() {
    hub.storageAnswers(FakeServer.answer(403));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("where the hub sent on, refuses (403)");
  }

  @Test
  void saysThatAFileIsMissing() {
    hub.hubAnswers("/resolve/", FakeServer.answer(404, "X-Error-Code: EntryNotFound"));
    assertThatThrownBy(() -> bench.pull("org/model:config.json"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("has no file config.json");
  }

  @Test
  void saysThatNobodyAnswers() {
    hub.close();
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("cannot be reached")
        .hasMessageContaining("https.proxyHost");
    assertThat(bench.pauses).hasSize(1);
  }

  // ---- patience

  @Test
  void triesAgainWhatMayPass() {
    AtomicInteger answers = new AtomicInteger();
    hub.onHub(request -> {
      int number = answers.getAndIncrement();
      return number == 0
          ? Optional.of(FakeServer.answer(503))
          : number == 1 ? Optional.of(FakeServer.answer(429, "Retry-After: 7")) : Optional.empty();
    });
    bench.pull("org/model:config.json");
    assertThat(bench.pauses).containsExactly(Duration.ofMillis(500), Duration.ofSeconds(7));
    assertThat(bench.notices).anyMatch(text -> text.contains("answers 503; trying again in 0.5 s"));
  }

  @Test
  void givesUpInTheEnd() {
    hub.onHub(_ -> Optional.of(FakeServer.answer(502)));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("answers 502, 3 times in a row");
  }

  @Test
  void waitsNotForEver() {
    hub.hubAnswers("/", FakeServer.answer(429, "RateLimit: \"api\";r=0;t=3600"));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("try again in 3600 s");
    assertThat(bench.pauses).isEmpty();
  }

  // ---- names

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../evil.safetensors",
        "/etc/evil.safetensors",
        "a/../../evil.safetensors",
        "a//b.safetensors",
        "./a.safetensors",
        "",
        "a\0.safetensors",
        "a\n.safetensors",
        "a\u001b[2J.safetensors",
      })
  void refusesAListWithNamesThatNoRepositoryHas(String path) {
    list(FakeHub.entry("config.json", CONTENT), FakeHub.entry(path, CONTENT));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("which no repository can hold")
        .hasMessageNotContaining("\u001b")
        .hasMessageNotContaining("\n");
    assertThat(bench.files()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "..\\evil.safetensors",
        "C:evil.safetensors",
        "con.safetensors",
        "LPT1.safetensors",
        "a|b.safetensors",
        "x?.safetensors"
      })
  void fetchesNoNamesThatAreMoreThanNamesElsewhere(String path) {
    list(FakeHub.entry("config.json", CONTENT), FakeHub.entry(path, CONTENT));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("cannot become a file's name");
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void refusesNamesThatAreTooLong() {
    list(
        FakeHub.entry("config.json", CONTENT),
        FakeHub.entry("x".repeat(300) + ".safetensors", CONTENT));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("xxx...");
  }

  @Test
  void refusesAListThatSaysThingsTwice() {
    list(FakeHub.entry("a.gguf", CONTENT), FakeHub.entry("a.gguf", CONTENT));
    assertThatThrownBy(() -> bench.pull("org/model")).hasMessageContaining("listed twice");
  }

  @Test
  void refusesAFileThatIsAFolderToo() {
    hub.file("x.gguf", "a").file("x.gguf/y.gguf", "b");
    bench.pull("org/model:x.gguf");
    assertThatThrownBy(() -> bench.pull("org/model:y.gguf"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("cannot be stored");
  }

  @Test
  void writesThroughNoFolderThatIsALink() throws IOException {
    Path elsewhere = Files.createDirectories(temp.resolve("hub/elsewhere"));
    Files.createDirectories(bench.snapshot());
    Files.createSymbolicLink(bench.snapshot().resolve("sub"), elsewhere);
    hub.file("sub/x.gguf", "x");
    assertThatThrownBy(() -> bench.pull("org/model:x.gguf"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("leads out of");
    assertThat(elsewhere).isEmptyDirectory();
  }

  @Test
  void writesThroughNoFileThatIsALink() throws IOException {
    Path elsewhere =
        Files.createFile(Files.createDirectories(temp.resolve("hub")).resolve("other"));
    Files.createDirectories(bench.repository().blobs());
    Files.createSymbolicLink(bench.repository().incomplete(hub.hash("config.json")), elsewhere);
    assertThatThrownBy(() -> bench.pull("org/model:config.json")).isInstanceOf(HubException.class);
    assertThat(elsewhere).isEmptyFile();
  }

  // ---- answers

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "<html>login</html>",
        "[]",
        "{\"sha\": \"../../x\"}",
        "{\"sha\": \"main\"}",
        "{\"sha\": 5}",
        "{}",
        "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\", \"siblings\": [5]}",
        "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\"",
        "{\"sha\": \"0123456789abcdef0123456789abcdef01234567\"} {}",
      })
  void refusesARevisionThatIsNone(String json) {
    hub.hubAnswers("/revision/", FakeServer.answer(200, json.getBytes(StandardCharsets.UTF_8)));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("check HF_ENDPOINT");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{}",
        "[5]",
        "[{\"type\": \"file\"}]",
        "[{\"type\": \"file\", \"path\": \"a.gguf\", \"size\": -1}]",
        "[{\"type\": \"file\", \"path\": \"a.gguf\", \"size\": 1e3}]",
        "[{\"type\": \"file\", \"path\": \"a.gguf\", \"size\": 99999999999999999999999}]",
        "[{\"type\": \"file\", \"path\": \"a.gguf\", \"size\": 9223372036854775807}]",
        "[{\"type\": \"file\", \"path\": \"a.gguf\", \"size\": 1, \"lfs\": {\"size\": \"x\"}}]",
        "[{\"type\": 1}]",
      })
  void refusesAListThatIsNone(String json) {
    hub.hubAnswers("/tree/", FakeServer.answer(200, json.getBytes(StandardCharsets.UTF_8)));
    assertThatThrownBy(() -> bench.pull("org/model")).isInstanceOf(HubException.class);
  }

  @Test
  void refusesDeepAndLongAnswers() {
    String deep = "{\"a\": " + "[".repeat(100_000);
    hub.hubAnswers("/revision/", FakeServer.answer(200, deep.getBytes(StandardCharsets.UTF_8)));
    assertThatThrownBy(() -> bench.pull("org/model")).isInstanceOf(HubException.class);
    hub.hubAnswers(
        "/revision/",
        out -> {
          FakeServer.head(out, 200);
          out.write("\r\n{\"a\": \"".getBytes(StandardCharsets.US_ASCII));
          byte[] text = new byte[100_000];
          Arrays.fill(text, (byte) 'x');
          while (true) { // until the other side has enough
            out.write(text);
          }
        });
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("more than 16777216 bytes");
  }

  @Test
  void refusesAListWithoutEnd() {
    AtomicInteger pages = new AtomicInteger();
    hub.onHub(request -> {
      if (!request.target().contains("/tree/")) {
        return Optional.empty();
      }
      String next = "Link: </api/tree/" + pages.incrementAndGet() + ">; rel=\"next\"";
      return Optional.of(FakeServer.answer(200, "[]".getBytes(StandardCharsets.US_ASCII), next));
    });
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("1000 pages");
  }

  @Test
  void refusesCompressedAnswers() {
    hub.hubAnswers("/revision/", FakeServer.answer(200, new byte[10], "Content-Encoding: br"));
    assertThatThrownBy(() -> bench.pull("org/model")).hasMessageContaining("compressed (br)");
  }

  // ---- what a file is said to be

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\"../../../etc/passwd\"",
        "\"a/b\"",
        "\"\"",
        "\"d41d8cd98f00b204e9800998ecf8427e\"",
        "\"0123456789ABCDEF0123456789abcdef01234567\"",
        "\"0123456789abcdef0123456789abcdef01234567.incomplete\"",
      })
  void refusesAHashThatIsNone(String etag) {
    hub.hubAnswers("/tree/", FakeServer.answer(404));
    hub.onHub(request ->
        request.isHead()
            ? Optional.of(FakeServer.answer(200, "ETag: " + etag, "Content-Range: x"))
            : Optional.empty());
    assertThatThrownBy(() -> bench.pull("org/model:config.json"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("names no hash");
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void refusesAHubThatContradictsItself() {
    String hash = hub.hash("config.json").hex();
    for (Answer answer :
        List.of(
            head("ETag: \"" + "0".repeat(40) + "\"", "Content-Length: 22"),
            head("ETag: \"" + hash + "\"", "Content-Length: 5"),
            head("ETag: \"" + hash + "\"", "X-Linked-Size: 5", "Content-Length: 22"),
            head("ETag: \"" + hash + "\"", "X-Repo-Commit: main", "Content-Length: 22"))) {
      hub.onHub(request -> request.isHead() ? Optional.of(answer) : Optional.empty());
      assertThatThrownBy(() -> bench.pull("org/model:config.json"))
          .isInstanceOf(HubException.class)
          .hasMessageContaining("but then says");
    }
    assertThat(bench.files()).isEmpty();
  }

  @Test
  void refusesAFileWithoutALength() {
    hub.hubAnswers("/tree/", FakeServer.answer(404));
    hub.onHub(request ->
        request.isHead()
            ? Optional.of(head("ETag: \"" + "0".repeat(40) + "\"", "Transfer-Encoding: chunked"))
            : Optional.empty());
    assertThatThrownBy(() -> bench.pull("org/model:config.json"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("does not say how long");
  }

  private static Answer head(String... headers) {
    return out -> {
      FakeServer.head(out, 200, headers);
      out.write("\r\n".getBytes(StandardCharsets.US_ASCII));
    };
  }

  // ---- redirects

  @Test
  void followsNoCircle() {
    hub.onHub(
        request -> Optional.of(FakeServer.answer(302, "Location: " + request.target() + "x")));
    assertThatThrownBy(() -> bench.pull("org/model"))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("more than 8 redirects");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "jar:file:/x!/y",
        "http:///x",
        "http://user:secret@127.0.0.1/x",
        "http://127.0.0.1:99999999/x",
        "http://[broken/x",
        " ",
        "mailto:x@y",
      })
  void followsNothingThatIsNoAddressOfTheWeb(String location) {
    hub.storageAnswers(FakeServer.answer(302, "Location: " + location));
    assertThatThrownBy(() -> bench.pull("org/model:Q4_K_M")).isInstanceOf(MokaException.class);
    assertThat(bench.files()).noneMatch(file -> !file.endsWith(".incomplete"));
  }

  @Test
  void endsAtARedirectToNowhere() {
    hub.hubAnswers("/revision/", FakeServer.answer(302));
    assertThatThrownBy(() -> bench.pull("org/model")).hasMessageContaining("answers 302");
  }

  private void list(Object... entries) {
    byte[] json = JsonMapper.shared().writeValueAsBytes(entries);
    hub.hubAnswers("/tree/", FakeServer.answer(200, json));
  }
}
