package io.moka.hub;

import io.moka.hub.ModelPull.Machine;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.stream.Stream;

/** A cache in a temporary folder, and pulls from a {@link FakeHub} into it that never wait. */
final class PullBench {
  final Path root;
  final List<Duration> pauses = new CopyOnWriteArrayList<>();
  final List<String> notices = new CopyOnWriteArrayList<>();
  private final URI endpoint;
  private Optional<AccessToken> token = Optional.empty();
  private boolean offline;
  private Duration idle = Duration.ofSeconds(30);
  private long space = Long.MAX_VALUE;
  private boolean links = true;

  PullBench(FakeHub hub, Path temp) {
    this(hub.uri(), temp);
  }

  PullBench(URI endpoint, Path temp) {
    this.endpoint = endpoint;
    this.root = temp.resolve("hub");
  }

  PullBench token(String value) {
    token = AccessToken.of(Map.of("HF_TOKEN", value));
    return this;
  }

  PullBench offline() {
    offline = true;
    return this;
  }

  PullBench idle(Duration duration) {
    idle = duration;
    return this;
  }

  PullBench space(long bytes) {
    space = bytes;
    return this;
  }

  PullBench withoutLinks() {
    links = false;
    return this;
  }

  PullResult pull(String name) {
    return pull(
        name,
        new PullListener() {
          @Override
          public void onNotice(String text) {
            notices.add(text);
          }
        });
  }

  PullResult pull(String name, PullListener listener) {
    HubSettings settings = new HubSettings(endpoint, token, offline, new HubCache(root), idle, 3);
    Machine machine =
        new Machine(
            duration -> {
              pauses.add(duration);
              Thread.onSpinWait();
              if (Thread.interrupted()) {
                throw new InterruptedException();
              }
            },
            _ -> space,
            links
                ? Files::createSymbolicLink
                : (link, _) -> {
                  throw new FileSystemException(link.toString(), null, "no links here");
                });
    return new ModelPull(settings, machine).pull(ModelName.parse(name).orElseThrow(), 3, listener);
  }

  LocalRepository repository() {
    return new LocalRepository(new HubCache(root), FakeHub.NAME);
  }

  Path snapshot() {
    return repository().snapshot(FakeHub.COMMIT);
  }

  Path blob(ContentHash hash) {
    return repository().blob(hash);
  }

  /** All files of the repository's folder, by path. */
  List<String> files() {
    Path folder = repository().folder();
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> walk = Files.walk(folder)) {
      return walk.filter(Files::isRegularFile)
          .map(file -> folder.relativize(file).toString())
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static byte[] random(int bytes, long seed) {
    byte[] content = new byte[bytes];
    new Random(seed).nextBytes(content);
    return content;
  }

  /** A small model in the manner of Hugging Face, with much that Moka does not need. */
  static FakeHub model() {
    FakeHub hub = new FakeHub();
    for (String path :
        List.of(
            ".gitattributes",
            "README.md",
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "chat_template.jinja",
            "merges.txt",
            "model.safetensors.index.json",
            "onnx/model.onnx",
            "original/model.safetensors")) {
      hub.file(path, "content of " + path);
    }
    for (String path :
        List.of(
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "consolidated.safetensors",
            "pytorch_model.bin",
            "model.Q4_K_M.gguf")) {
      hub.file(path, random(200_000, path.hashCode()), true);
    }
    return hub;
  }

  static List<String> names(PullResult result) {
    List<String> names = new ArrayList<>();
    result.files().forEach(file -> names.add(result.snapshot().relativize(file).toString()));
    return names;
  }
}
