package io.moka.hub;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.HubException;
import io.moka.ModelNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CacheRemovalTest {
  private static final String PART = ".1234abcd"; // as huggingface_hub names what it did not finish

  @TempDir private Path temp;
  private CacheFixture fixture;

  @BeforeEach
  void layOut() throws IOException {
    fixture =
        new CacheFixture(temp.resolve("hub"), "org/model")
            .file(CacheFixture.OLD, "config.json", 'a', 10)
            .file(CacheFixture.OLD, "x-Q4_K_M.gguf", 'b', 1000)
            .file(CacheFixture.NEW, "config.json", 'a', 10)
            .file(CacheFixture.NEW, "sub/y-Q8_0-00001-of-00002.gguf", 'c', 500)
            .file(CacheFixture.NEW, "sub/y-Q8_0-00002-of-00002.gguf", 'd', 300)
            .ref("main", CacheFixture.NEW)
            .ref("refs/pr/1", CacheFixture.OLD);
    for (String commit : new String[] {CacheFixture.OLD, CacheFixture.NEW}) {
      Path none = fixture.repository.folder().resolve(".no_exist").resolve(commit);
      Files.createFile(Files.createDirectories(none).resolve("adapter_config.json"));
      Path trees = fixture.repository.folder().resolve("trees");
      Files.writeString(Files.createDirectories(trees).resolve(commit + ".json"), "{}");
    }
  }

  @Test
  void removesAModel() throws IOException {
    fixture.unfinished("e".repeat(64), 40).unfinished("f".repeat(64) + PART, 2);
    CacheRemoval removal = fixture.remove("");
    assertThat(removal.describe()).isEqualTo("2 snapshots, 5 files, 2 unfinished downloads");
    assertThat(removal.bytes()).isEqualTo(10 + 1000 + 500 + 300 + 42);
    assertThat(removal.run()).isEqualTo(removal.bytes());
    assertThat(fixture.repository.folder()).doesNotExist();
    assertThatThrownBy(() -> fixture.remove(""))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("moka list");
  }

  @Test
  void removesARevisionAndKeepsWhatOthersNeed() throws IOException {
    CacheRemoval removal = fixture.remove("@main");
    assertThat(removal.describe()).isEqualTo("1 snapshot, 3 files");
    assertThat(removal.bytes()).isEqualTo(800);
    assertThat(removal.run()).isEqualTo(800);
    assertThat(fixture.snapshot(CacheFixture.NEW)).doesNotExist();
    assertThat(fixture.repository.refs().resolve("main")).doesNotExist();
    assertThat(fixture.repository.folder().resolve("trees/" + CacheFixture.NEW + ".json"))
        .doesNotExist();
    assertThat(fixture.repository.folder().resolve(".no_exist/" + CacheFixture.NEW)).doesNotExist();
    assertThat(fixture.snapshot(CacheFixture.OLD).resolve("config.json"))
        .hasContent("a".repeat(10));
    assertThat(fixture.blob('c')).doesNotExist();
    assertThat(fixture.remove("@" + CacheFixture.OLD.substring(0, 7)).run()).isEqualTo(1010);
    assertThat(fixture.repository.folder()).doesNotExist();
  }

  @Test
  void removesTheRefsOfARevisionWithTheirFolders() throws IOException {
    fixture.remove("@refs/pr/1").run();
    assertThat(fixture.repository.refs().resolve("refs")).doesNotExist();
    assertThat(fixture.repository.refs().resolve("main")).exists();
  }

  @Test
  void removesAFileWithAllItsParts() throws IOException {
    CacheRemoval removal = fixture.remove(":Q8_0");
    assertThat(removal.describe()).isEqualTo("2 files");
    assertThat(removal.run()).isEqualTo(800);
    assertThat(fixture.snapshot(CacheFixture.NEW).resolve("sub")).doesNotExist();
    assertThat(fixture.snapshot(CacheFixture.NEW).resolve("config.json")).exists();
    assertThat(fixture.repository.refs().resolve("main")).exists();
  }

  @Test
  void removesASnapshotWithItsLastFile() throws IOException {
    fixture.remove("@main:Q8_0").run();
    fixture.remove("@main:config.json").run();
    assertThat(fixture.snapshot(CacheFixture.NEW)).doesNotExist();
    assertThat(fixture.repository.refs().resolve("main")).doesNotExist();
    assertThat(fixture.blob('a')).exists();
    fixture.remove(":config.json").run();
    fixture.remove(":Q4_K_M").run();
    assertThat(fixture.repository.folder()).doesNotExist();
  }

  @Test
  void keepsUnfinishedDownloadsUnlessAllIsMeant() throws IOException {
    fixture.unfinished("e".repeat(64), 40);
    fixture.remove("@main").run();
    fixture.remove("@refs/pr/1").run();
    assertThat(fixture.model().orElseThrow().unfinished()).hasSize(1);
    CacheRemoval removal = CacheRemoval.ofUnfinished(fixture.cache, "org/model");
    assertThat(removal.describe()).isEqualTo("1 unfinished download");
    assertThat(removal.bytes()).isEqualTo(40);
    assertThat(removal.run()).isEqualTo(40);
    assertThat(fixture.model().orElseThrow().unfinished()).isEmpty();
    assertThatThrownBy(() -> CacheRemoval.ofUnfinished(fixture.cache, "org/model"))
        .isInstanceOf(ModelNotFoundException.class);
    assertThat(fixture.remove("").describe()).isEqualTo("an empty folder");
    fixture.remove("").run();
    assertThat(fixture.repository.folder()).doesNotExist();
  }

  @Test
  void removesBlobsThatNobodyNeeds() throws IOException {
    Files.writeString(fixture.blob('9'), "left over");
    assertThat(fixture.remove(":Q4_K_M").run()).isEqualTo(1000 + 9);
    assertThat(fixture.blob('9')).doesNotExist();
  }

  @Test
  void removesCopiesToo() throws IOException {
    Path copy = fixture.snapshot(CacheFixture.OLD).resolve("copy.bin");
    Files.writeString(copy, "12345");
    assertThat(fixture.remove(":copy.bin").bytes()).isEqualTo(5);
    assertThat(fixture.remove(":copy.bin").run()).isEqualTo(5);
    assertThat(copy).doesNotExist();
  }

  @Test
  void leavesWhatIsBeingFetched() throws IOException {
    fixture.unfinished("e".repeat(64), 40);
    try (CacheLock _ =
        CacheLock.tryAcquire(fixture.repository.lock("e".repeat(64))).orElseThrow()) {
      assertThatThrownBy(() -> fixture.remove("").run())
          .isInstanceOf(HubException.class)
          .hasMessageContaining("another process is fetching it");
      assertThatThrownBy(() -> CacheRemoval.ofUnfinished(fixture.cache, "org/model").run())
          .isInstanceOf(HubException.class);
    }
    Files.writeString(fixture.blob('9'), "just arrived, and not shown yet");
    try (CacheLock _ =
        CacheLock.tryAcquire(fixture.repository.lock("9".repeat(64))).orElseThrow()) {
      fixture.remove(":Q4_K_M").run();
    }
    assertThat(fixture.blob('9')).exists();
    assertThat(fixture.snapshot(CacheFixture.NEW).resolve("config.json")).exists();
  }

  @Test
  void refusesFoldersThatAreLinks() throws IOException {
    Path outside = Files.createDirectories(temp.resolve("outside"));
    Files.writeString(outside.resolve("precious"), "precious");
    Files.createSymbolicLink(fixture.cache.root().resolve("models--org--linked"), outside);
    assertThatThrownBy(
            () -> CacheRemoval.of(fixture.cache, ModelName.parse("org/linked").orElseThrow()))
        .isInstanceOf(HubException.class)
        .hasMessageContaining("is a link, to " + outside);
    for (String part : new String[] {"snapshots", "blobs", "refs", ".no_exist", "trees"}) {
      Path folder = fixture.repository.folder().resolve(part);
      Path moved = Files.move(folder, temp.resolve("moved"));
      Files.createSymbolicLink(folder, outside);
      assertThatThrownBy(() -> fixture.remove(""))
          .isInstanceOf(HubException.class)
          .hasMessageContaining("nothing is removed through links");
      Files.delete(folder);
      Files.move(moved, folder);
    }
    assertThat(outside.resolve("precious")).hasContent("precious");
  }

  @Test
  void followsNoLinks() throws IOException {
    Path outside = Files.createDirectories(temp.resolve("outside"));
    Path precious = Files.writeString(outside.resolve("precious"), "precious");
    fixture
        .link(CacheFixture.OLD, "file", precious)
        .link(CacheFixture.OLD, "folder", outside)
        .link(CacheFixture.OLD, "sub/other", Path.of("../../../../../../outside"));
    Files.createSymbolicLink(fixture.repository.snapshots().resolve("c".repeat(40)), outside);
    Files.createSymbolicLink(fixture.repository.refs().resolve("folder"), outside);
    Files.createSymbolicLink(fixture.blob('8'), precious);
    CacheRemoval removal = fixture.remove("");
    assertThat(removal.bytes()).isEqualTo(1810);
    removal.run();
    assertThat(fixture.repository.folder()).doesNotExist();
    assertThat(precious).hasContent("precious");
  }

  @Test
  void findsRevisionsByTheirNameAlone() {
    for (String suffix : new String[] {"@none", "@aaaaaa", "@main:none", ":none", "@refs"}) {
      assertThatThrownBy(() -> fixture.remove(suffix))
          .as(suffix)
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageContaining("moka list");
    }
  }

  @Test
  void asksWhichFileIsMeant() throws IOException {
    fixture.file(CacheFixture.OLD, "other/z-Q4_K_M.gguf", 'e', 5);
    assertThatThrownBy(() -> fixture.remove(":Q4_K_M"))
        .isInstanceOf(ChoiceException.class)
        .hasMessageContaining("other/z-Q4_K_M.gguf");
  }

  // ---- what models share

  @Test
  void removesWhatWasSharedWithTheLastModelThatNeedsIt() throws IOException {
    CacheFixture other = new CacheFixture(fixture.cache.root(), "org/other");
    fixture.shared(CacheFixture.OLD, "model.safetensors", '7', 70);
    other.shared(CacheFixture.NEW, "model.safetensors", '7', 70);
    assertThat(fixture.remove(":model.safetensors").bytes()).isZero();
    assertThat(fixture.remove(":model.safetensors").run()).isZero();
    assertThat(fixture.payload('7')).exists();
    assertThat(other.remove("").bytes()).isEqualTo(70);
    assertThat(other.remove("").run()).isEqualTo(70);
    assertThat(fixture.payload('7')).doesNotExist();
    assertThat(fixture.payload('7').resolveSibling("7".repeat(64) + ".refs")).doesNotExist();
  }

  @Test
  void keepsWhatMayBeShared() throws IOException {
    fixture.shared(CacheFixture.OLD, "model.safetensors", '7', 70);
    Path list = fixture.payload('7').resolveSibling("7".repeat(64) + ".refs");
    Files.delete(list);
    fixture.remove("").run();
    assertThat(fixture.payload('7')).exists();
    fixture.shared(CacheFixture.OLD, "model.safetensors", '7', 70);
    Files.delete(fixture.cache.root().resolve("blobs/.huggingface-shared-blobs"));
    fixture.remove("").run();
    assertThat(fixture.payload('7')).exists();
  }

  @Test
  void believesTheListOfLinksOnlyWhereTheLinksAreThere() throws IOException {
    fixture.shared(CacheFixture.OLD, "model.safetensors", '7', 70);
    Path list = fixture.payload('7').resolveSibling("7".repeat(64) + ".refs");
    String lines = Files.readString(list);
    Files.writeString(
        list,
        lines
            + "models--gone--model/blobs/"
            + "7".repeat(64)
            + "\n../../blobs/x\n/etc/blobs/passwd\nmodels--org--model/blobs/"
            + "a".repeat(64)
            + "\n\n");
    assertThat(fixture.remove("").run()).isEqualTo(1810 + 70);
    assertThat(fixture.payload('7')).doesNotExist();
  }
}
