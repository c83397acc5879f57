package io.moka.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.cli.Shell.Result;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The commands pull, list and rm against a hub on this machine. */
class PullCommandTest {
  @TempDir private Path cache;
  private HubServer hub;

  @BeforeEach
  void begin() throws IOException {
    hub = new HubServer();
  }

  @AfterEach
  void end() {
    hub.close();
  }

  @Test
  void fetchesAModelThatOtherCommandsFind() throws IOException {
    hub.folder(Shell.GOLDEN.resolve("mixtral-f32")).file("pytorch_model.bin", 10);
    Result result = hub.shell(cache).run("pull", "org/model");
    assertThat(result.code()).as(result.err()).isZero();
    Path snapshot = cache.resolve("hub/models--org--model/snapshots").resolve(HubServer.COMMIT);
    assertThat(result.out()).isEqualTo(snapshot + "\n");
    assertThat(result.err()).contains("fetched in").doesNotContain("\r");
    assertThat(snapshot.resolve("pytorch_model.bin")).doesNotExist();
    Result inspect = hub.shell(cache).run("inspect", "org/model");
    assertThat(inspect.out()).contains("mixtral");
    Result again = hub.shell(cache).run("pull", "org/model");
    assertThat(again.err()).contains("all in the cache already");
    Result offline = hub.shell(cache).run("pull", "org/model", "--offline");
    assertThat(offline.out()).isEqualTo(result.out());
    assertThat(hub.shell(cache).variable("HF_HUB_OFFLINE", "1").run("pull", "org/none").err())
        .contains("offline");
  }

  @Test
  void listsWhatThereIsToChoose() {
    hub.file("x-Q4_K_M.gguf", 1_000_000).file("long-name-x-Q8_0.gguf", 2_000_000);
    Result result = hub.shell(cache).run("pull", "org/model");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err().lines())
        .containsExactly(
            "  long-name-x-Q8_0.gguf  2.0 MB",
            "  x-Q4_K_M.gguf          1.0 MB",
            "moka: org/model: holds several models; choose one, as in moka pull org/model:Q4_K_M");
    Result chosen = hub.shell(cache).run("pull", "org/model:Q8_0", "--verbose");
    assertThat(chosen.code()).as(chosen.err()).isZero();
    assertThat(chosen.out()).endsWith(HubServer.COMMIT + "/long-name-x-Q8_0.gguf\n");
    assertThat(chosen.err()).contains("1 file, 2.0 MB;", "commit " + HubServer.COMMIT);
  }

  /** What pull took is a model for the other commands, by the same word. */
  @Test
  void findsWhatWasPulledByTheSameName() throws IOException {
    Path gguf = Shell.GOLDEN.resolve("gguf-tiny/tiny-qwen3moe-MXFP4.gguf");
    hub.file("x-Q4_K_M.gguf", Files.readAllBytes(gguf)).file("x-Q8_0.gguf", 100);
    Result before = hub.shell(cache).run("inspect", "org/model:Q4_K_M");
    assertThat(before.code()).isEqualTo(1);
    assertThat(before.err()).contains("moka pull org/model:Q4_K_M");
    Result pull = hub.shell(cache).run("pull", "org/model:Q4_K_M");
    assertThat(pull.code()).as(pull.err()).isZero();
    Result after = hub.shell(cache).run("inspect", "org/model:Q4_K_M");
    assertThat(after.code()).as(after.err()).isZero();
    assertThat(after.out()).contains("qwen3_moe");
    Result other = hub.shell(cache).run("inspect", "org/model:Q8_0");
    assertThat(other.err()).contains("moka pull org/model:Q8_0");
  }

  @Test
  void showsABarOnATerminal() {
    hub.file("x.gguf", 3_000_000);
    Result result = hub.shell(cache).onTerminal().run("pull", "org/model");
    assertThat(result.code()).as(result.err()).isZero();
    assertThat(result.err()).contains("\r[").contains("/3.0 MB");
    assertThat(result.err().lines().toList().getLast())
        .startsWith("1 file, 3.0 MB; 3.0 MB fetched");
  }

  @Test
  void saysWhatWentWrong() {
    hub.file("x.gguf", 10).broken();
    Result result = hub.shell(cache).run("pull", "org/model");
    assertThat(result.code()).isEqualTo(1);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).startsWith("moka: x.gguf: expected git blob ").contains("removed");
    assertThat(hub.shell(cache).run("pull", "org/model", "--revision", "v1").err())
        .startsWith("moka: org/model: has no revision v1");
    assertThat(hub.shell(cache).variable("HF_ENDPOINT", "hub").run("pull", "org/model").err())
        .startsWith("moka: HF_ENDPOINT: expected the address of a hub");
  }

  @Test
  void refusesWordsThatMakeNoSense() {
    usage("is no name of the form ORG/NAME", "pull", "a/b/c");
    usage("is no name of the form ORG/NAME", "pull", "../models");
    usage("is no name of the form ORG/NAME", "rm", "a b");
    usage("ORG/NAME", "pull");
    usage("ORG/NAME", "rm");
    usage("--parallel must be from 1 to 32, not 0", "pull", "org/model", "--parallel", "0");
    usage("not both", "pull", "org/model@v1", "--revision", "v2");
    usage("cannot be a branch", "pull", "org/model", "--revision", "../x");
    usage("\"../../c\" cannot be a file of a repository", "pull", "a/b:../../c");
    usage("\"/etc/x\" cannot be a file of a repository", "pull", "a/b@v1:/etc/x");
    usage("\"../c\" cannot be a file of a repository", "rm", "a/b:../c", "--yes");
    usage("\"../../x\" cannot be a file of a repository", "run", "a/b:../../x", "-p", "x");
    usage("\"/etc/passwd\" cannot be a file of a repository", "inspect", "a/b:/etc/passwd");
    usage("Unmatched argument", "list", "org/model");
    usage("--unfinished is for a whole model", "rm", "org/model:Q8_0", "--unfinished");
  }

  private static void usage(String text, String... words) {
    Result result = new Shell().run(words);
    assertThat(result.code()).as(result.err()).isEqualTo(2);
    assertThat(result.out()).isEmpty();
    assertThat(result.err()).startsWith("moka: ").contains(text, "--help");
  }

  @Test
  void showsHelp() {
    for (String command : new String[] {"pull", "list", "rm"}) {
      Result result = new Shell().run(command, "--help");
      assertThat(result.code()).isZero();
      assertThat(result.out()).contains("Usage: moka " + command, "Examples:");
    }
  }

  @Test
  void listsTheCache() throws IOException {
    Result none = hub.shell(cache).run("list");
    assertThat(none.code()).isZero();
    assertThat(none.out()).isEmpty();
    assertThat(none.err()).contains("no models in " + cache.resolve("hub"), "moka pull");
    assertThat(hub.shell(cache).run("list", "--json").out()).isEqualToIgnoringWhitespace("[]");
    hub.folder(Shell.GOLDEN.resolve("mixtral-f32"));
    hub.shell(cache).run("pull", "org/model");
    Path blobs = cache.resolve("hub/models--org--model/blobs");
    Files.write(blobs.resolve("f".repeat(64) + ".incomplete"), new byte[5000]);
    Files.createDirectories(cache.resolve("hub/models--empty"));
    Files.createSymbolicLink(
        cache.resolve("hub/models--org--model/snapshots").resolve(HubServer.COMMIT).resolve("out"),
        cache);
    Result list = hub.shell(cache).run("list");
    assertThat(list.code()).as(list.err()).isZero();
    assertThat(list.out().lines())
        .satisfiesExactly(
            line -> assertThat(line).matches("MODEL +REVISION +WEIGHTS +FILES +SIZE  WHEN"),
            line -> assertThat(line).matches("empty +- +nothing +0 +0 bytes"),
            line ->
                assertThat(line)
                    .matches(
                        "org/model +main \\(0123456\\) +safetensors, incomplete +\\d+ +[\\d.]+ kB"
                            + "  \\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d"),
            line -> assertThat(line).matches("org/model +- +unfinished +1 +5.0 kB  .*"),
            line -> assertThat(line).matches("total [\\d.]+ kB"));
    JsonNode json = JsonMapper.shared().readTree(hub.shell(cache).run("list", "--json").out());
    JsonNode model = json.get(1);
    assertThat(model.get("repository").asString()).isEqualTo("org/model");
    JsonNode snapshot = model.get("snapshots").get(0);
    assertThat(snapshot.get("commit").asString()).isEqualTo(HubServer.COMMIT);
    assertThat(snapshot.get("revisions").get(0).asString()).isEqualTo("main");
    assertThat(snapshot.get("complete").asBoolean()).isFalse();
    assertThat(snapshot.get("files").size()).isGreaterThan(2);
    assertThat(model.get("unfinished").get(0).get("bytes").asInt()).isEqualTo(5000);
    assertThat(model.get("bytes").asLong()).isEqualTo(snapshot.get("bytes").asLong() + 5000);
  }

  @Test
  void saysThatTheCacheCannotBeAFolder() throws IOException {
    Path file = Files.createFile(cache.resolve("file"));
    for (String[] words : new String[][] {{"list"}, {"list", "--json"}}) {
      Result result = new Shell().variable("HF_HOME", file.toString()).run(words);
      assertThat(result.code()).isEqualTo(1);
      assertThat(result.out()).isEmpty();
      assertThat(result.err())
          .isEqualTo(
              "moka: %s: cannot be a folder, since %s is a file; check HF_HUB_CACHE and HF_HOME\n"
                  .formatted(file.resolve("hub"), file));
    }
  }

  @Test
  void asksBeforeItRemoves() {
    hub.file("x-Q4_K_M.gguf", 1_000_000).file("x-Q8_0.gguf", 2_000_000);
    hub.shell(cache).run("pull", "org/model:Q8_0");
    hub.shell(cache).run("pull", "org/model:Q4_K_M");
    Path folder = cache.resolve("hub/models--org--model");
    for (String answer : new String[] {"", "n\n", "\n", "yet\n"}) {
      Result result = hub.shell(cache).input(answer).run("rm", "org/model");
      assertThat(result.code()).isEqualTo(1);
      assertThat(result.err())
          .startsWith("Remove org/model: 1 snapshot, 2 files, 3.0 MB? [y/N] ")
          .endsWith("moka: org/model: nothing was removed\n");
      assertThat(folder).exists();
    }
    Result file = hub.shell(cache).input("y\n").run("rm", "org/model@main:Q8_0");
    assertThat(file.code()).as(file.err()).isZero();
    assertThat(file.out()).isEmpty();
    assertThat(file.err()).endsWith("removed org/model@main:Q8_0, 2.0 MB freed\n");
    Result all = hub.shell(cache).run("rm", "org/model", "--yes");
    assertThat(all.err()).isEqualTo("removed org/model, 1.0 MB freed\n");
    assertThat(folder).doesNotExist();
    Result none = hub.shell(cache).run("rm", "org/model", "--yes");
    assertThat(none.code()).isEqualTo(1);
    assertThat(none.err()).startsWith("moka: org/model: is not in ");
  }

  @Test
  void removesWhatBrokeOff() throws IOException {
    hub.file("x.gguf", 1000);
    hub.shell(cache).run("pull", "org/model");
    Path part = cache.resolve("hub/models--org--model/blobs/" + "f".repeat(64) + ".incomplete");
    Files.write(part, new byte[5000]);
    Result result = hub.shell(cache).run("rm", "org/model", "--unfinished", "--yes");
    assertThat(result.err())
        .isEqualTo("removed the unfinished downloads of org/model, 5.0 kB freed\n");
    assertThat(part).doesNotExist();
    assertThat(hub.shell(cache).run("pull", "org/model", "--offline").code()).isZero();
    assertThat(hub.shell(cache).run("rm", "org/model", "--unfinished", "--yes").err())
        .contains("has no unfinished downloads");
  }
}
