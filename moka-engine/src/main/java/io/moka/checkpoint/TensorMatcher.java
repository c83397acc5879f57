package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * Opens a folder's safetensors and holds them against the configuration; every mismatch goes into
 * one message.
 */
final class TensorMatcher {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String MISSING_FILES = "files of the index that are missing";

  private final ModelFolder folder;
  private final ModelConfig config;
  private final Map<String, SafetensorsFile> fileOf = new HashMap<>();
  private final TensorProblems problems;
  private final List<Path> shards = new ArrayList<>();
  private long tensorsSeen;

  TensorMatcher(ModelFolder folder, ModelConfig config) {
    this.folder = folder;
    this.config = config;
    this.problems = new TensorProblems(folder.path() + ": the tensors do not fit config.json");
  }

  /** Whether a folder holds weights as safetensors. */
  static boolean isIn(Path folder) {
    return Files.exists(folder.resolve(SINGLE)) || Files.exists(folder.resolve(INDEX));
  }

  Map<TensorKey, Tensor> match(Arena arena) {
    openFiles(arena);
    Map<TensorKey, Tensor> tensors = new HashMap<>();
    ModelTensors.of(config)
        .forEach((key, shape) -> take(key, shape).ifPresent(found -> tensors.put(key, found)));
    fileOf.keySet().stream()
        .filter(name -> !isHarmless(name))
        .sorted()
        .forEach(name -> problems.add("not called for", name));
    problems.throwIfAny();
    return Map.copyOf(tensors);
  }

  /**
   * Where the weights lie, known when they are matched, and where others would be looked for first.
   */
  List<Path> files() {
    return Stream.concat(Stream.of(SINGLE, INDEX).map(folder.path()::resolve), shards.stream())
        .toList();
  }

  private void openFiles(Arena arena) {
    Optional<Path> single =
        folder.find(SINGLE); // where both exist it is the one transformers takes
    if (single.isPresent()) {
      SafetensorsFile file = SafetensorsFile.open(single.get(), arena);
      file.entries().keySet().forEach(name -> fileOf.put(name, file));
      return;
    }
    ShardIndex index =
        ShardIndex.read(
            folder.require(
                INDEX, "nor is there a " + SINGLE + "; weights must come as safetensors"));
    for (String shard : index.shards()) {
      Optional<Path> path = folder.find(shard);
      if (path.isEmpty()) {
        problems.add(MISSING_FILES, shard);
      } else {
        shards.add(path.get());
        addShard(shard, SafetensorsFile.open(path.get(), arena), index);
      }
    }
    if (problems.has(MISSING_FILES)) {
      problems.throwIfAny(); // their tensors would only repeat it
    }
    index.shardOf().forEach(this::checkPresent);
  }

  private void addShard(String shard, SafetensorsFile file, ShardIndex index) {
    tensorsSeen += file.entries().size();
    if (tensorsSeen > ConfigReader.MOST_TENSORS) {
      throw new ModelException(
          folder.path() + ": the shards hold more than " + ConfigReader.MOST_TENSORS + " tensors");
    }
    for (String name : file.entries().keySet()) {
      if (!shard.equals(index.shardOf().get(name))) {
        problems.add("not where the index says", name + " in " + shard);
      } else {
        fileOf.put(name, file);
      }
    }
  }

  private void checkPresent(String name, String shard) {
    if (!fileOf.containsKey(name)) {
      problems.add("not where the index says", name + " is not in " + shard);
    }
  }

  private Optional<Tensor> take(TensorKey key, List<Long> shape) {
    String name = HuggingFaceNames.of(config, key);
    SafetensorsFile file = fileOf.remove(name);
    if (file == null) {
      problems.add("missing", name);
      return Optional.empty();
    }
    SafetensorsFile.Entry entry = file.entries().get(name);
    if (!entry.shape().equals(shape)) {
      problems.add("of another shape", name + " " + entry.shape() + ", expected " + shape);
      return Optional.empty();
    }
    if (!SafetensorsFile.isSupported(entry.dtype())) {
      problems.add("not of type F32, F16 or BF16", name + " is " + entry.dtype());
      return Optional.empty();
    }
    return Optional.of(file.tensor(name));
  }

  /**
   * Buffers that old versions of transformers stored, and a head that tied embeddings make void.
   */
  private boolean isHarmless(String name) {
    return name.endsWith(".rotary_emb.inv_freq")
        || config.tieWordEmbeddings() && name.equals(HuggingFaceNames.HEAD);
  }
}
