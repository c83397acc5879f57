package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.NativeMemory;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model in one GGUF file, or in the parts of a split one. Tensors are views into the mapped
 * files; an expert's are slices of those that hold all experts of a layer.
 *
 * <p>Files of the architecture {@code llama} hold the rows of the query and key weights in another
 * order; these tensors are copies with the rows put back, in memory that serves the next one when
 * they are released.
 */
public final class GgufCheckpoint implements Checkpoint {
  private final Path file;
  private final List<Path> files;
  private final ModelConfig config;
  private final GenerationDefaults defaults;
  private final GgufMetadata metadata;
  private final Map<TensorKey, List<Long>> shapes;
  private final GgufTensors tensors;
  private final Arena arena;
  private final LentMemory copies = new LentMemory();

  private GgufCheckpoint(List<GgufFile> parts, Arena arena) {
    boolean tied = parts.stream().noneMatch(part -> part.names().contains(GgufNames.HEAD));
    this.file = parts.getFirst().path();
    this.files = parts.stream().map(GgufFile::path).toList();
    this.metadata = parts.getFirst().metadata();
    GgufConfigReader.Result read = GgufConfigReader.read(metadata, file, tied);
    this.config = read.config();
    this.defaults = read.defaults();
    this.tensors = GgufTensors.match(parts, config);
    this.shapes = ModelTensors.of(config);
    this.arena = arena;
  }

  /**
   * Opens a model and checks everything but the values of the weights.
   *
   * @param file a GGUF file; of a split model any part, with the others beside it
   * @return the open model; close it to unmap its files
   * @throws io.moka.ModelNotFoundException when there is no such folder
   * @throws ModelException when a file is missing, damaged or of a kind that is not supported
   */
  public static GgufCheckpoint open(Path file) {
    Arena arena = Arena.ofShared();
    try {
      return new GgufCheckpoint(GgufParts.open(file, arena), arena);
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
    Tensor stored = stored(key);
    return isReordered(key) ? putBack(stored, heads(key.part())) : stored;
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    Tensor tensor = stored(key);
    return new TensorInfo(tensor.name(), tensor.format(), tensor.shape());
  }

  private Tensor stored(TensorKey key) {
    if (!shapes.containsKey(key)) {
      throw new IllegalArgumentException(file + ": the configuration has no " + key);
    }
    return tensors.get(key);
  }

  private boolean isReordered(TensorKey key) {
    return config.modelType().equals("mixtral") && (key.part() == Part.WQ || key.part() == Part.WK);
  }

  private int heads(Part part) {
    return part == Part.WQ ? config.numAttentionHeads() : config.numKeyValueHeads();
  }

  /** Row 2i of a head in the file is its row i, and row 2i + 1 its row i + d/2. */
  private Tensor putBack(Tensor stored, int heads) {
    long rowBytes = stored.format().bytes(stored.columns());
    int half = stored.rows() / heads / 2;
    NativeMemory.populate(stored.data());
    MemorySegment data =
        copies.lend(
            stored.data().byteSize(),
            copy -> {
              for (int row = 0; row < stored.rows(); row++) {
                int head = row / (2 * half);
                int inHead = row % (2 * half);
                long from = 2L * half * head + 2L * (inHead % half) + inHead / half;
                MemorySegment.copy(stored.data(), from * rowBytes, copy, row * rowBytes, rowBytes);
              }
            });
    NativeMemory.release(stored.data());
    return new Tensor(stored.name(), stored.format(), stored.shape(), data);
  }

  @Override
  public void release(Tensor tensor) {
    copies.release(tensor.data());
    NativeMemory.release(tensor.data());
  }

  @Override
  public Optional<Path> folder() {
    return Optional.empty();
  }

  @Override
  public List<Path> files() {
    return files;
  }

  @Override
  public Optional<GgufMetadata> metadata() {
    return Optional.of(metadata);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
      copies.close();
    }
  }
}
