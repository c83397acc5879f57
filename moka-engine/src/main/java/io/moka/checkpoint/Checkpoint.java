package io.moka.checkpoint;

import io.moka.weights.Tensor;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * An open model: its configuration and its tensors, already checked against each other. Tensors
 * stay valid until it is closed.
 */
public interface Checkpoint extends AutoCloseable {
  /**
   * Opens a model and checks everything but the values of the weights.
   *
   * @param model a folder in Hugging Face's form, a GGUF file (of a split model any part), a folder
   *     with one GGUF model in it and no safetensors, or a packed file
   * @return the open model; close it to unmap its files
   * @throws io.moka.ModelNotFoundException when there is no such file or folder
   * @throws io.moka.ModelException when a file is missing, damaged or of a kind that is not
   *     supported, or the folder holds several GGUF models
   */
  static Checkpoint open(Path model) {
    if (PackedFormat.isPacked(model)) {
      return PackedCheckpoint.open(model);
    }
    boolean isFile = !Files.isDirectory(model) && GgufParts.isGguf(model);
    Optional<Path> gguf = isFile ? Optional.of(model) : GgufParts.onlyModel(model);
    return gguf.isPresent() ? GgufCheckpoint.open(gguf.get()) : HuggingFaceCheckpoint.open(model);
  }

  /**
   * The architecture.
   *
   * @return checked values
   */
  ModelConfig config();

  /**
   * The sampling defaults that come with the model.
   *
   * @return defaults, empty where the model gives none
   */
  GenerationDefaults generationDefaults();

  /**
   * A tensor by what it does. It exists whenever {@link ModelTensors#of} lists it.
   *
   * @param key which
   * @return a view into memory that this checkpoint owns
   * @throws IllegalArgumentException when the configuration has no such tensor
   * @throws io.moka.ModelException when the file holds it packed alone, in {@link #packed}
   */
  Tensor tensor(TensorKey key);

  /**
   * What is known of a tensor without reading it.
   *
   * @param key which
   * @return its name, format and shape
   * @throws IllegalArgumentException when the configuration has no such tensor
   */
  TensorInfo describe(TensorKey key);

  /**
   * Says that a tensor has been copied elsewhere and its memory need not stay resident. Whoever
   * needs the numbers again asks for the tensor again: the memory of this one may hold another by
   * then.
   *
   * @param tensor one of this checkpoint's; one that is released already changes nothing
   */
  void release(Tensor tensor);

  /**
   * Where the tokenizer and its configuration lie.
   *
   * @return a folder, or empty where they lie in the {@link #metadata} or the model has no text
   */
  Optional<Path> folder();

  /**
   * The files that the model is read from, its texts among them: who writes to one of them damages
   * it.
   *
   * @return their paths; also names that would be read if files came to bear them
   */
  List<Path> files();

  /**
   * What the model's file says beside its weights: the vocabulary, the chat template. It can be
   * read until the checkpoint is closed.
   *
   * @return metadata, of a GGUF file alone
   */
  default Optional<GgufMetadata> metadata() {
    return Optional.empty();
  }

  /**
   * A text that lies in the model's own file, by the name that it has in a Hugging Face folder.
   *
   * @param name such as {@code tokenizer.json}
   * @return its bytes; empty for all models but packed ones
   */
  default Optional<byte[]> document(String name) {
    return Optional.empty();
  }

  /**
   * The weights in the kernels' layout, where the file holds them so.
   *
   * @return views into memory that this checkpoint owns; empty for all models but packed ones
   */
  default Optional<PackedWeights> packed() {
    return Optional.empty();
  }

  @Override
  void close();
}
