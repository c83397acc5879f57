package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import io.moka.checkpoint.ModelLocator;
import io.moka.hub.FakeServer.Request;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What a pull fetches from a hub that behaves, and how it lies in the cache. */
class ModelPullTest {
  private static final List<String> MODEL =
      List.of(
          "chat_template.jinja",
          "config.json",
          "generation_config.json",
          "model.safetensors.index.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "model-00001-of-00002.safetensors",
          "model-00002-of-00002.safetensors");

  @TempDir private Path temp;

  @Test
  void laysAModelOutAsTheCacheDoes() throws IOException {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp);
      PullResult result = bench.pull("org/model");
      assertThat(PullBench.names(result)).containsExactlyInAnyOrderElementsOf(MODEL);
      assertThat(result.commit()).isEqualTo(FakeHub.COMMIT);
      assertThat(result.fetchedBytes()).isEqualTo(result.totalBytes()).isGreaterThan(400_000);
      for (String path : MODEL) {
        Path file = bench.snapshot().resolve(path);
        assertThat(Files.readSymbolicLink(file))
            .isEqualTo(Path.of("../../blobs/" + hub.hash(path).hex()));
        assertThat(file).hasBinaryContent(hub.content(path).bytes());
      }
      assertThat(bench.repository().refs().resolve("main")).hasContent(FakeHub.COMMIT);
      assertThat(bench.files()).hasSize(MODEL.size() * 2 + 1);
      assertThat(
              new ModelLocator(Map.of("HF_HUB_CACHE", bench.root.toString())).locate("org/model"))
          .isEqualTo(bench.snapshot());
    }
  }

  @Test
  void fetchesNothingTwice() {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp);
      bench.pull("org/model");
      int before = hub.hub().requests().size();
      PullResult again = bench.pull("org/model");
      assertThat(again.fetchedBytes()).isZero();
      assertThat(hub.hub().requests()).hasSize(before + 2); // revision and list
      assertThat(hub.storage().requests()).hasSize(2);
    }
  }

  @Test
  void takesABlobThatIsThereAlready() throws IOException {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp);
      String path = "model-00001-of-00002.safetensors";
      Files.createDirectories(bench.repository().blobs());
      Files.write(bench.blob(hub.hash(path)), hub.content(path).bytes());
      bench.pull("org/model");
      assertThat(hub.storage().requests()).hasSize(1);
      assertThat(bench.snapshot().resolve(path)).hasBinaryContent(hub.content(path).bytes());
    }
  }

  @Test
  void replacesABlobOfAnotherLength() throws IOException {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp);
      Files.createDirectories(bench.repository().blobs());
      Files.writeString(bench.blob(hub.hash("config.json")), "cut");
      bench.pull("org/model");
      assertThat(bench.snapshot().resolve("config.json")).hasContent("content of config.json");
    }
  }

  @Test
  void prefersTheSingleFile() {
    try (FakeHub hub = PullBench.model().file("model.safetensors", "weights")) {
      assertThat(PullBench.names(new PullBench(hub, temp).pull("org/model")))
          .contains("model.safetensors")
          .noneMatch(name -> name.contains("-of-") || name.contains("index"));
    }
  }

  @Test
  void knowsRevisions() throws IOException {
    try (FakeHub hub = PullBench.model().revision("refs/pr/7").revision("v1.0")) {
      PullBench bench = new PullBench(hub, temp);
      bench.pull("org/model@refs/pr/7:config.json");
      assertThat(hub.hub().requests().getFirst().target()).endsWith("/revision/refs%2Fpr%2F7");
      assertThat(bench.repository().refs().resolve("refs/pr/7")).hasContent(FakeHub.COMMIT);
      bench.pull("org/model@" + FakeHub.COMMIT + ":config.json");
      assertThat(bench.repository().refs()).isDirectoryNotContaining("regex:.*" + FakeHub.COMMIT);
      assertThatThrownBy(() -> bench.pull("org/model@none"))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageContaining("no revision none");
    }
  }

  @Test
  void readsAListInPages() {
    try (FakeHub hub = PullBench.model().pageSize(2)) {
      assertThat(PullBench.names(new PullBench(hub, temp).pull("org/model"))).hasSize(8);
      assertThat(hub.hub().requests()).filteredOn(r -> r.target().contains("/tree/")).hasSize(8);
    }
  }

  @Test
  void doesWithoutAListOfSizes() {
    try (FakeHub hub = PullBench.model().hubAnswers("/tree/", FakeServer.answer(404))) {
      PullResult result = new PullBench(hub, temp).pull("org/model");
      assertThat(PullBench.names(result)).containsExactlyInAnyOrderElementsOf(MODEL);
      assertThat(result.fetchedBytes()).isGreaterThan(400_000);
    }
  }

  @Test
  void fetchesEmptyFilesAndOddNames() {
    try (FakeHub hub = new FakeHub().file("a b/100%+#.gguf", "x").file("empty.txt", "")) {
      PullBench bench = new PullBench(hub, temp);
      bench.pull("org/model:empty.txt");
      assertThat(bench.snapshot().resolve("empty.txt")).isEmptyFile();
      PullResult result = bench.pull("org/model");
      assertThat(result.files().getFirst()).hasContent("x").endsWithRaw(Path.of("a b/100%+#.gguf"));
      assertThat(Files.exists(bench.snapshot().resolve("empty.txt"))).isTrue();
    }
  }

  @Test
  void copiesWhereThereAreNoLinks() {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp).withoutLinks();
      bench.pull("org/model");
      Path file = bench.snapshot().resolve("model-00002-of-00002.safetensors");
      assertThat(Files.isSymbolicLink(file)).isFalse();
      assertThat(file).hasBinaryContent(hub.content(file.getFileName().toString()).bytes());
      assertThat(bench.pull("org/model").fetchedBytes()).isZero();
    }
  }

  @Test
  void saysHowItGetsOn() {
    try (FakeHub hub = PullBench.model()) {
      List<String> files = Collections.synchronizedList(new ArrayList<>());
      long[] bytes = new long[2];
      PullResult result =
          new PullBench(hub, temp)
              .pull(
                  "org/model",
                  new PullListener() {
                    @Override
                    public void onStart(int count, long total, int present, long there) {
                      assertThat(count).isEqualTo(MODEL.size());
                      assertThat(present).isZero();
                      assertThat(there).isZero();
                      bytes[0] = total;
                    }

                    @Override
                    public void onBytes(long count, boolean fetched) {
                      synchronized (bytes) {
                        bytes[1] += count;
                      }
                    }

                    @Override
                    public void onFile(String path) {
                      files.add(path);
                    }
                  });
      assertThat(files).containsExactlyInAnyOrderElementsOf(MODEL);
      assertThat(bytes[0]).isEqualTo(bytes[1]).isEqualTo(result.totalBytes());
    }
  }

  @Test
  void refusesWhatTheDiskCannotHold() {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp).space(400_000);
      assertThatThrownBy(() -> bench.pull("org/model"))
          .isInstanceOf(HubException.class)
          .hasMessageContaining("400.2 kB are to come")
          .hasMessageContaining("room for 400.0 kB")
          .hasMessageContaining("HF_HUB_CACHE");
      assertThat(hub.storage().requests()).isEmpty();
      bench.space(400_000).pull("org/model:config.json");
    }
  }

  @Test
  void asksNobodyWhenOffline() {
    try (FakeHub hub = PullBench.model()) {
      PullBench bench = new PullBench(hub, temp);
      assertThatThrownBy(() -> new PullBench(hub, temp).offline().pull("org/model"))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageContaining("offline");
      bench.pull("org/model");
      int before = hub.hub().requests().size();
      PullResult result = new PullBench(hub, temp).offline().pull("org/model");
      assertThat(PullBench.names(result)).containsExactlyInAnyOrderElementsOf(MODEL);
      assertThat(result.files()).allMatch(Files::isRegularFile);
      assertThatThrownBy(() -> new PullBench(hub, temp).offline().pull("org/model@v9"))
          .isInstanceOf(ModelNotFoundException.class);
      assertThatThrownBy(() -> new PullBench(hub, temp).offline().pull("org/model:Q4_K_M"))
          .isInstanceOf(ModelNotFoundException.class);
      assertThat(hub.hub().requests()).hasSize(before);
    }
  }

  @Test
  void fetchesEachFileOnceWhenSeveralPullAtOnce() throws Exception {
    try (FakeHub hub = PullBench.model();
        ExecutorService threads = Executors.newFixedThreadPool(4)) {
      PullBench bench = new PullBench(hub, temp);
      List<Future<PullResult>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(threads.submit(() -> bench.pull("org/model")));
      }
      long fetched = 0;
      for (Future<PullResult> result : results) {
        fetched += result.get().fetchedBytes();
      }
      assertThat(fetched).isEqualTo(results.getFirst().get().totalBytes());
      assertThat(hub.storage().requests()).hasSize(2);
      assertThat(bench.files()).hasSize(MODEL.size() * 2 + 1);
    }
  }

  @Test
  void givesTheTokenToTheHubAlone() {
    try (FakeHub hub = PullBench.model().pageSize(3)) {
      new PullBench(hub, temp).token("hf_secret").pull("org/model");
      assertThat(hub.hub().requests())
          .allMatch(request -> request.headers().containsValue("Bearer hf_secret"));
      assertThat(hub.storage().requests())
          .hasSize(2)
          .noneMatch(request -> request.headers().containsKey("authorization"));
    }
  }

  @Test
  void givesTheTokenNotBackToTheHubByWayOfOthers() {
    try (FakeHub hub = PullBench.model()) {
      String back = hub.uri() + "/back";
      hub.storageAnswers(FakeServer.answer(302, "Location: " + back));
      hub.onHub(request ->
          request.target().equals("/back")
              ? Optional.of(FakeHub.bytes(request, hub.content("model.Q4_K_M.gguf")))
              : Optional.empty());
      new PullBench(hub, temp).token("hf_secret").pull("org/model:Q4_K_M");
      assertThat(hub.hub().requests())
          .filteredOn(request -> request.target().equals("/back"))
          .hasSize(1)
          .noneMatch(request -> request.headers().containsKey("authorization"));
    }
  }

  @Test
  void followsARepositoryThatWasRenamed() {
    try (FakeHub hub = PullBench.model()) {
      hub.onHub(request -> renamed(request));
      assertThat(new PullBench(hub, temp).token("t").pull("old/name").fetchedBytes()).isPositive();
      assertThat(hub.hub().requests())
          .allMatch(request -> request.headers().containsValue("Bearer t"));
    }
  }

  private static Optional<FakeServer.Answer> renamed(Request request) {
    return request.target().contains("old/name")
        ? Optional.of(
            FakeServer.answer(
                307, "Location: " + request.target().replace("old/name", FakeHub.NAME)))
        : Optional.empty();
  }
}
