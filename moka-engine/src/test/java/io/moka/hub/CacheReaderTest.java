package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheReaderTest {
  @TempDir private Path temp;
  private CacheFixture fixture;

  @BeforeEach
  void layOut() {
    fixture = new CacheFixture(temp.resolve("hub"), "org/model");
  }

  @Test
  void findsNothingWhereThereIsNoCache() {
    assertThat(new CacheReader(fixture.cache).models()).isEmpty();
    assertThat(fixture.model()).isEmpty();
  }

  @Test
  void saysThatAFileIsInTheWay() throws IOException {
    Path file = Files.createFile(temp.resolve("file"));
    for (Path root : List.of(file, file.resolve("deep/hub"))) {
      assertThatThrownBy(() -> new CacheReader(new HubCache(root)).models())
          .isInstanceOf(HubException.class)
          .hasMessageStartingWith(root + ": cannot be a folder, since " + file + " is a file");
    }
  }

  @Test
  void readsSnapshotsAndRevisions() throws IOException {
    fixture
        .file(CacheFixture.OLD, "config.json", 'a', 10)
        .file(CacheFixture.OLD, "model.safetensors", 'b', 1000)
        .file(CacheFixture.NEW, "config.json", 'a', 10)
        .file(CacheFixture.NEW, "copy.json", 'a', 10)
        .file(CacheFixture.NEW, "deep/er/x-Q4_K_M.gguf", 'c', 500)
        .ref("main", CacheFixture.NEW)
        .ref("refs/pr/1", CacheFixture.NEW)
        .unfinished("d".repeat(64), 70);
    Instant when = Instant.parse("2026-01-02T03:04:05Z");
    for (char letter : "abc".toCharArray()) {
      Files.setLastModifiedTime(fixture.blob(letter), FileTime.from(when.plusSeconds(letter)));
    }
    CachedModel model = fixture.model().orElseThrow();
    assertThat(model.bytes()).isEqualTo(10 + 1000 + 500 + 70);
    assertThat(model.unfinished()).singleElement().extracting(Unfinished::bytes).isEqualTo(70L);
    CachedSnapshot old = model.snapshots().getFirst();
    assertThat(old.commit()).isEqualTo(CacheFixture.OLD);
    assertThat(old.revisions()).isEmpty();
    assertThat(old.bytes()).isEqualTo(1010);
    assertThat(old.format()).isEqualTo("safetensors");
    assertThat(old.modified()).isEqualTo(when.plusSeconds('b'));
    assertThat(old.isWhole()).isTrue();
    CachedSnapshot current = model.snapshots().getLast();
    assertThat(current.revisions()).containsExactlyInAnyOrder("main", "refs/pr/1");
    assertThat(current.bytes()).isEqualTo(510);
    assertThat(current.format()).isEqualTo("GGUF Q4_K_M");
    assertThat(current.files())
        .extracting(CachedFile::path)
        .containsExactly("config.json", "copy.json", "deep/er/x-Q4_K_M.gguf");
  }

  @Test
  void readsModelsAlone() throws IOException {
    fixture.file(CacheFixture.OLD, "a.txt", 'a', 1);
    for (String other :
        List.of("datasets--org--data", "models--a--b--c", "models--", ".locks", "blobs")) {
      Files.createDirectories(fixture.cache.root().resolve(other));
    }
    Files.createFile(fixture.cache.root().resolve("models--org--file"));
    Files.createDirectories(fixture.cache.root().resolve("models--gpt2"));
    assertThat(new CacheReader(fixture.cache).models())
        .extracting(CachedModel::repository)
        .containsExactly("gpt2", "org/model");
  }

  @Test
  void knowsFilesWithoutLinks() throws IOException {
    Files.createDirectories(fixture.snapshot(CacheFixture.OLD));
    Files.writeString(fixture.snapshot(CacheFixture.OLD).resolve("model.safetensors"), "xyz");
    CachedModel model = fixture.model().orElseThrow();
    assertThat(model.bytes()).isEqualTo(3);
    assertThat(model.snapshots().getFirst().isWhole()).isTrue();
  }

  @Test
  void knowsBlobsThatModelsShare() throws IOException {
    fixture.shared(CacheFixture.OLD, "model.safetensors", 'e', 100);
    assertThat(fixture.model().orElseThrow().bytes()).isEqualTo(100);
  }

  @Test
  void followsNoLinkThatLeadsOut() throws IOException {
    Path secret = Files.writeString(temp.resolve("secret"), "secret");
    Path folder = Files.createDirectories(temp.resolve("folder"));
    Files.writeString(folder.resolve("inside"), "secret");
    fixture
        .file(CacheFixture.OLD, "model-00001-of-00002.safetensors", 'a', 10)
        .link(CacheFixture.OLD, "out", secret)
        .link(CacheFixture.OLD, "folder", folder)
        .link(CacheFixture.OLD, "absolute", secret)
        .link(CacheFixture.OLD, "broken", Path.of("../../blobs/none"));
    Files.createSymbolicLink(fixture.repository.blobs().resolve("f".repeat(64)), secret);
    fixture.link(CacheFixture.OLD, "twice", fixture.repository.blobs().resolve("f".repeat(64)));
    Files.createSymbolicLink(fixture.repository.snapshots().resolve(CacheFixture.NEW), folder);
    CachedModel model = fixture.model().orElseThrow();
    assertThat(model.bytes()).isEqualTo(10);
    assertThat(model.snapshots()).hasSize(1);
    CachedSnapshot snapshot = model.snapshots().getFirst();
    assertThat(snapshot.isWhole()).isFalse();
    assertThat(snapshot.files()).hasSize(6);
    assertThat(snapshot.files())
        .filteredOn(file -> file.content().isPresent())
        .extracting(CachedFile::path)
        .containsExactly("model-00001-of-00002.safetensors");
  }

  @Test
  void knowsThatPartsAreMissing() throws IOException {
    fixture.file(CacheFixture.OLD, "model-00001-of-00002.safetensors", 'a', 10);
    assertThat(fixture.model().orElseThrow().snapshots().getFirst().isWhole()).isFalse();
    fixture.file(CacheFixture.OLD, "model-00002-of-00002.safetensors", 'b', 10);
    assertThat(fixture.model().orElseThrow().snapshots().getFirst().isWhole()).isTrue();
  }

  @Test
  void takesNoRefsFromWhatIsNone() throws IOException {
    fixture.file(CacheFixture.OLD, "a.txt", 'a', 1);
    Path file = Files.writeString(fixture.repository.folder().resolve("refs"), "no folder");
    assertThat(fixture.model()).isPresent();
    Files.delete(file);
    Files.createDirectories(file);
    Files.write(file.resolve("main"), new byte[10_000]);
    assertThat(fixture.model().orElseThrow().snapshots().getFirst().revisions()).isEmpty();
  }
}
