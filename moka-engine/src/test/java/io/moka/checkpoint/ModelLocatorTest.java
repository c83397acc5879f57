package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.hub.ChoiceException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelLocatorTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final String OTHER = "76543210fedcba9876543210fedcba9876543210";

  @TempDir private Path temp;

  private Path hub;
  private Path repository;
  private ModelLocator locator;

  @BeforeEach
  void layOutACache() throws IOException {
    hub = temp.resolve("hub");
    repository = hub.resolve("models--Org--Some-Model_1.5");
    Files.createDirectories(repository.resolve("snapshots").resolve(COMMIT));
    Files.createDirectories(repository.resolve("snapshots").resolve(OTHER));
    ref("main", COMMIT + "\n");
    ref("refs/pr/1", OTHER);
    locator = new ModelLocator(Map.of("HF_HUB_CACHE", hub.toString()));
  }

  @Test
  void aFolderIsItself() {
    assertThat(locator.locate(temp.toString())).isEqualTo(temp);
  }

  @Test
  void aNameIsTheSnapshotOfItsMainBranchOrOfARevision() {
    String name = "Org/Some-Model_1.5";
    Path snapshots = repository.resolve("snapshots");
    assertThat(locator.locate(name)).isEqualTo(snapshots.resolve(COMMIT));
    assertThat(locator.locate(name + "@main")).isEqualTo(snapshots.resolve(COMMIT));
    assertThat(locator.locate(name + "@refs/pr/1")).isEqualTo(snapshots.resolve(OTHER));
    assertThat(locator.locate(name + "@" + OTHER)).isEqualTo(snapshots.resolve(OTHER));
    assertThat(locator.locate(repository.toString())).isEqualTo(snapshots.resolve(COMMIT));
  }

  @Test
  void withoutMainTheOnlySnapshotIsTaken() throws IOException {
    Files.delete(repository.resolve("refs/main"));
    assertThatThrownBy(() -> locator.locate("Org/Some-Model_1.5"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("2 snapshots");
    Files.delete(repository.resolve("snapshots").resolve(OTHER));
    assertThat(locator.locate("Org/Some-Model_1.5")).endsWith(Path.of(COMMIT));
  }

  @Test
  void theEnvironmentSaysWhereTheCacheLies() throws IOException {
    Path expected = repository.resolve("snapshots").resolve(COMMIT);
    assertThat(locate(Map.of("HF_HOME", temp.toString()))).isEqualTo(expected);
    assertThat(locate(Map.of("HF_HUB_CACHE", "~/hub", "HOME", temp.toString())))
        .isEqualTo(expected);
    assertThat(locate(Map.of("HF_HUB_CACHE", hub.toString(), "HF_HOME", "/nowhere")))
        .isEqualTo(expected);
    Path home = Files.createDirectories(temp.resolve("home"));
    Path standard = Files.createDirectories(home.resolve(".cache/huggingface"));
    Files.createSymbolicLink(standard.resolve("hub"), hub);
    assertThat(locate(Map.of("HOME", home.toString(), "HF_HOME", ""))).exists();
    assertThat(locate(Map.of("XDG_CACHE_HOME", home.resolve(".cache").toString()))).exists();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "no/such",
        "no-such",
        "a/b/c",
        "../no-such-folder",
        "Org/..",
        "Org/Some-Model_1.5@",
        "Org/Some-Model_1.5@dev",
        "Org/Some-Model_1.5@../../x",
        "Org/Some-Model_1.5:../../x",
        "Org/Some-Model_1.5@refs/pr/2",
        "/no/such/folder",
        "with\0nul",
        "~nobody/x"
      })
  void whatIsNotThereIsNotFound(String model) {
    assertThatThrownBy(() -> locator.locate(model)).isInstanceOf(ModelNotFoundException.class);
  }

  @Test
  void theMessageSaysWhereWasLookedAndWhatToDo() {
    assertThatThrownBy(() -> locator.locate("no/such"))
        .hasMessageContaining(hub.resolve("models--no--such").toString())
        .hasMessageContaining("moka pull no/such");
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../../etc", "", "a/b", ".."})
  void aRefThatNamesNoCommitIsRefused(String content) throws IOException {
    ref("main", content);
    assertThatThrownBy(() -> locator.locate("Org/Some-Model_1.5"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("refs/main");
  }

  @Test
  void aRefToAMissingSnapshotIsNotFound() throws IOException {
    ref("main", "abcdef");
    assertThatThrownBy(() -> locator.locate("Org/Some-Model_1.5"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("abcdef");
  }

  @Test
  void filesAreRefused() throws IOException {
    Path file = Files.writeString(temp.resolve("model.safetensors"), "");
    assertThatThrownBy(() -> locator.locate(file.toString()))
        .hasMessageContaining("give the folder");
  }

  @Test
  void aGgufFileIsItself() throws IOException {
    Path file = Files.writeString(temp.resolve("model.GGUF"), "");
    assertThat(locator.locate(file.toString())).isEqualTo(file);
    assertThatThrownBy(() -> locator.locate("some/model.gguf"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("no such folder or file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"g", "g.bin", "g.moka", "g.safetensors"})
  void aGgufFileIsKnownByItsFirstBytes(String name) throws IOException {
    Path file = GgufBytes.model("qwen3moe").write(temp.resolve(name));
    assertThat(locator.locate(file.toString())).isEqualTo(file);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.config().modelType()).isEqualTo("qwen3_moe");
    }
  }

  @Test
  void partsOfASplitModelKeepTheirNames() throws IOException {
    Path part = GgufBytes.model("qwen3moe").set("split.count", 2).write(temp.resolve("g.moka"));
    assertThatThrownBy(() -> Checkpoint.open(part))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("one of 2 parts")
        .hasMessageContaining("names back");
  }

  @Test
  void aLinkWithoutAnEndIsNamed() throws IOException {
    Path none = temp.resolve("none");
    Path first = Files.createSymbolicLink(temp.resolve("first.gguf"), Path.of("second"));
    Path second = Files.createSymbolicLink(temp.resolve("second"), none);
    assertThatThrownBy(() -> locator.locate(first.toString()))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessage(first + ": is a link that leads nowhere: there is no " + none);
    Files.delete(second);
    Files.createSymbolicLink(second, Path.of("./first.gguf"));
    for (Path link : List.of(first, second)) {
      assertThatThrownBy(() -> locator.locate(link.toString()))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessage(link + ": is a link that leads in a circle");
    }
  }

  @Test
  void aRevisionThatIsNotThereCanBeFetched() {
    for (String revision : List.of("@v9", "@v9:Q4_K_M")) {
      String name = "Org/Some-Model_1.5" + revision;
      assertThatThrownBy(() -> locator.locate(name))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageEndingWith("; fetch it first: moka pull " + name);
    }
  }

  @Test
  void aFileOfASnapshotIsNamedBehindAColon() throws IOException {
    Path snapshot = repository.resolve("snapshots").resolve(COMMIT);
    Path file = Files.writeString(snapshot.resolve("x-Q4_K_M.gguf"), "");
    Files.createDirectory(snapshot.resolve("BF16"));
    Path below = Files.writeString(snapshot.resolve("BF16/x-00001-of-00002.gguf"), "");
    String name = "Org/Some-Model_1.5";
    assertThat(locator.locate(name + ":x-Q4_K_M.gguf")).isEqualTo(file);
    assertThat(locator.locate(name + "@main:x-Q4_K_M.gguf")).isEqualTo(file);
    assertThat(locator.locate(name + ":BF16/x-00001-of-00002.gguf")).isEqualTo(below);
    assertThatThrownBy(() -> locator.locate(name + ":y.gguf"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("moka pull " + name + ":y.gguf");
    for (String wrong : List.of(":", ":y", ":../x.gguf", ":/x.gguf", ":.gguf")) {
      assertThatThrownBy(() -> locator.locate(name + wrong))
          .isInstanceOf(ModelNotFoundException.class);
    }
  }

  /** As {@code moka pull} chooses. */
  @Test
  void aQuantisationIsAWordInAFilesName() throws IOException {
    Path snapshot = repository.resolve("snapshots").resolve(COMMIT);
    Path file = Files.writeString(snapshot.resolve("x-Q4_K_M.gguf"), "");
    Files.writeString(snapshot.resolve("x-Q4_K_S.gguf"), "");
    Files.writeString(snapshot.resolve("config.json"), "{}");
    Path parts = Files.createDirectory(snapshot.resolve("BF16"));
    Path second = Files.writeString(parts.resolve("x-BF16-00002-of-00002.gguf"), "");
    String name = "Org/Some-Model_1.5";
    assertThat(locator.locate(name + ":Q4_K_M")).isEqualTo(file);
    assertThat(locator.locate(name + ":q4_k_m")).isEqualTo(file);
    assertThat(locator.locate(name + "@main:Q4_K_M")).isEqualTo(file);
    assertThat(locator.locate(name + ":x-BF16.gguf")).isEqualTo(second);
    Path first = Files.writeString(parts.resolve("x-BF16-00001-of-00002.gguf"), "");
    assertThat(locator.locate(name + ":BF16")).isEqualTo(first);
    assertThat(locator.locate(name + ":BF16/x-BF16.gguf")).isEqualTo(first);
    assertThatThrownBy(() -> locator.locate(name + ":x"))
        .isInstanceOf(ChoiceException.class)
        .hasMessageContaining("x-Q4_K_M.gguf, x-Q4_K_S.gguf");
    for (String none : List.of(":Q4_K", ":Q8_0", "@" + OTHER + ":Q4_K_M")) {
      assertThatThrownBy(() -> locator.locate(name + none))
          .isInstanceOf(ModelNotFoundException.class)
          .hasMessageContaining("moka pull " + name + none);
    }
    assertThatThrownBy(() -> locator.locate(name + ":config.json"))
        .isInstanceOf(ModelException.class)
        .hasMessageContaining("give the folder");
  }

  @Test
  void aLinkToABlobThatIsGoneIsNoFile() throws IOException {
    Path snapshot = repository.resolve("snapshots").resolve(COMMIT);
    Files.createSymbolicLink(snapshot.resolve("x-Q4_K_M.gguf"), Path.of("../../blobs/none"));
    assertThatThrownBy(() -> locator.locate("Org/Some-Model_1.5:Q4_K_M"))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageContaining("moka pull Org/Some-Model_1.5:Q4_K_M");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nope.gguf",
        "nope.GGUF",
        "nope.moka",
        "folder/nope.gguf",
        "folder/odd@name.gguf",
        "a/b/c",
        "a/b/nope:Q4_K_M.gguf",
        "./nope",
        "../nope",
        "/nope",
        ".nope"
      })
  void whatCanOnlyBeAPathIsNotToBeFetched(String model) {
    assertThatThrownBy(() -> locator.locate(model))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessage(
            model + ": there is no such folder or file; moka list names the models of the cache");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "nope",
        "no/such",
        "no/such@refs/pr/1",
        "no/such:nope.gguf",
        "no/such:BF16/nope.gguf",
        "no/such@main:Q4_K_M"
      })
  void whatMayBeANameCanBeFetched(String model) {
    assertThatThrownBy(() -> locator.locate(model))
        .isInstanceOf(ModelNotFoundException.class)
        .hasMessageEndingWith("moka pull " + model);
  }

  private static Path locate(Map<String, String> environment) {
    return new ModelLocator(environment).locate("Org/Some-Model_1.5");
  }

  private void ref(String name, String content) throws IOException {
    Path file = repository.resolve("refs").resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, content);
  }
}
