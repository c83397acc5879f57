package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.weights.NativeMemory;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * A Hugging Face folder: {@code config.json}, {@code generation_config.json} where there is one,
 * and {@code model.safetensors} or shards with their index. Tensors are views into the mapped
 * files.
 */
public final class HuggingFaceCheckpoint implements Checkpoint {
  private final Path folder;
  private final ModelConfig config;
  private final GenerationDefaults defaults;
  private final Map<TensorKey, Tensor> tensors;
  private final List<Path> weights;
  private final Arena arena;

  private HuggingFaceCheckpoint(
      Path folder,
      ModelConfig config,
      GenerationDefaults defaults,
      Map<TensorKey, Tensor> tensors,
      List<Path> weights,
      Arena arena) {
    this.folder = folder;
    this.config = config;
    this.defaults = defaults;
    this.tensors = tensors;
    this.weights = weights;
    this.arena = arena;
  }

  /**
   * Opens a folder and checks everything but the values of the weights.
   *
   * @param folder with {@code config.json} and the weights
   * @return the open model; close it to unmap its files
   * @throws io.moka.ModelNotFoundException when there is no such folder
   * @throws ModelException when a file is missing, damaged or of a kind that is not supported
   */
  public static HuggingFaceCheckpoint open(Path folder) {
    ModelFolder files = ModelFolder.of(folder);
    ModelConfig config =
        ConfigReader.read(
            files.require("config.json", "give a Hugging Face model's folder or a .gguf file"));
    GenerationDefaults defaults =
        files
            .find("generation_config.json")
            .map(file -> GenerationConfigReader.read(file, config.vocabSize()))
            .orElse(GenerationDefaults.NONE);
    Arena arena = Arena.ofShared();
    try {
      TensorMatcher matcher = new TensorMatcher(files, config);
      Map<TensorKey, Tensor> tensors = matcher.match(arena);
      return new HuggingFaceCheckpoint(folder, config, defaults, tensors, matcher.files(), arena);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return defaults;
  }

  @Override
  public Tensor tensor(TensorKey key) {
    Tensor tensor = tensors.get(key);
    if (tensor == null) {
      throw new IllegalArgumentException(folder + ": the configuration has no " + key);
    }
    return tensor;
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    Tensor tensor = tensor(key);
    return new TensorInfo(tensor.name(), tensor.format(), tensor.shape());
  }

  @Override
  public void release(Tensor tensor) {
    NativeMemory.release(tensor.data());
  }

  @Override
  public Optional<Path> folder() {
    return Optional.of(folder);
  }

  @Override
  public List<Path> files() {
    Stream<String> texts =
        Stream.concat(
            Stream.of("config.json", "generation_config.json"),
            PackedDocuments.TOKENIZER_FILES.stream());
    return Stream.concat(texts.map(folder::resolve), weights.stream()).toList();
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
