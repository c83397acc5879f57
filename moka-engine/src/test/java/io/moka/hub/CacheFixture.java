package io.moka.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/** A cache as huggingface_hub lays it out, with one model. */
final class CacheFixture {
  static final String OLD = "a".repeat(40);
  static final String NEW = "b".repeat(40);

  final HubCache cache;
  final LocalRepository repository;

  CacheFixture(Path root, String name) {
    cache = new HubCache(root);
    repository = new LocalRepository(cache, name);
  }

  /** A file in a snapshot, which shows a blob of so many bytes, named by its content's letter. */
  CacheFixture file(String commit, String path, char letter, int bytes) throws IOException {
    Path blob = blob(letter);
    Files.createDirectories(blob.getParent());
    if (!Files.exists(blob)) {
      Files.writeString(blob, String.valueOf(letter).repeat(bytes));
    }
    return link(commit, path, blob);
  }

  CacheFixture link(String commit, String path, Path target) throws IOException {
    Path file = repository.snapshot(commit).resolve(path);
    Files.createDirectories(file.getParent());
    Path shown = target.isAbsolute() ? file.getParent().relativize(target) : target;
    Files.createSymbolicLink(file, shown);
    return this;
  }

  CacheFixture ref(String revision, String commit) throws IOException {
    Path ref = repository.refs().resolve(revision);
    Files.createDirectories(ref.getParent());
    Files.writeString(ref, commit);
    return this;
  }

  CacheFixture unfinished(String name, int bytes) throws IOException {
    Files.createDirectories(repository.blobs());
    Files.write(repository.blobs().resolve(name + ".incomplete"), new byte[bytes]);
    return this;
  }

  /**
   * A blob that models share: a link in the model's folder, with its entry in the list of links.
   */
  CacheFixture shared(String commit, String path, char letter, int bytes) throws IOException {
    Path store = cache.root().resolve("blobs");
    Path payload = payload(letter);
    Files.createDirectories(payload.getParent());
    Files.writeString(store.resolve(".huggingface-shared-blobs"), "1\n");
    if (!Files.exists(payload)) {
      Files.writeString(payload, String.valueOf(letter).repeat(bytes));
    }
    Path blob = blob(letter);
    Files.createDirectories(blob.getParent());
    Files.createSymbolicLink(blob, blob.getParent().relativize(payload));
    Path list = payload.resolveSibling(payload.getFileName() + ".refs");
    String line = cache.root().relativize(blob).toString() + "\n";
    Files.writeString(
        list, (Files.exists(list) ? Files.readString(list) : "") + line, StandardCharsets.US_ASCII);
    return link(commit, path, blob);
  }

  Path payload(char letter) {
    String hash = String.valueOf(letter).repeat(64);
    return cache.root().resolve("blobs").resolve(hash.substring(0, 2)).resolve(hash);
  }

  Path blob(char letter) {
    return repository.blobs().resolve(String.valueOf(letter).repeat(64));
  }

  Path snapshot(String commit) {
    return repository.snapshot(commit);
  }

  CacheRemoval remove(String suffix) {
    return CacheRemoval.of(cache, ModelName.parse(repository.repository() + suffix).orElseThrow());
  }

  Optional<CachedModel> model() {
    return new CacheReader(cache).model(repository.repository());
  }
}
