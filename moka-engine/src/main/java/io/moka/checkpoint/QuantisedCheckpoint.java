package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.weights.NativeMemory;
import io.moka.weights.Quantiser;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * A model whose float matrices are quantised when they are asked for. Any number of threads may ask
 * at once. The model below stays its owner's.
 */
public final class QuantisedCheckpoint implements Checkpoint {
  private final Checkpoint source;
  private final Quantisation quantisation;
  private final LentMemory memory = new LentMemory();
  private final Map<TensorKey, Double> errors = new ConcurrentHashMap<>();

  private QuantisedCheckpoint(Checkpoint source, Quantisation quantisation) {
    this.source = source;
    this.quantisation = quantisation;
  }

  /**
   * Quantises a model.
   *
   * @param source the model; stays open as long as this
   * @param quantisation what becomes of its matrices
   * @return the quantised model
   * @throws ModelException when there is nothing to quantise, because it is done already; numbers
   *     that are quantised are never quantised again
   */
  public static QuantisedCheckpoint of(Checkpoint source, Quantisation quantisation) {
    List<TensorInfo> matrices =
        ModelTensors.of(source.config()).keySet().stream()
            .filter(key -> Quantisation.isMatrix(key.part()))
            .map(source::describe)
            .toList();
    if (quantisation != Quantisation.KEEP
        && matrices.stream().allMatch(matrix -> matrix.format().isQuantised())) {
      throw new ModelException(
          "the model is quantised already (%s of %s) and is not quantised again; keep its numbers"
                  .formatted(matrices.getFirst().name(), matrices.getFirst().format())
              + " with --quant keep, or give the model that it was made from");
    }
    return new QuantisedCheckpoint(source, quantisation);
  }

  /**
   * The errors of the tensors that were quantised so far.
   *
   * @return root mean square of the error, relative to that of the numbers, by tensor
   */
  public Map<TensorKey, Double> errors() {
    return Map.copyOf(errors);
  }

  @Override
  public ModelConfig config() {
    return source.config();
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return source.generationDefaults();
  }

  @Override
  public Tensor tensor(TensorKey key) {
    TensorInfo info = describe(key);
    Tensor tensor = source.tensor(key);
    if (tensor.format() == info.format()) {
      return tensor;
    }
    NativeMemory.populate(tensor.data());
    try {
      MemorySegment data =
          memory.lend(info.bytes(), out -> errors.put(key, quantise(tensor, info.format(), out)));
      return new Tensor(info.name(), info.format(), info.shape(), data);
    } finally {
      source.release(tensor);
    }
  }

  private static double quantise(Tensor tensor, WeightFormat target, MemorySegment out) {
    try {
      return Quantiser.quantise(tensor, target, out);
    } catch (ArithmeticException e) {
      throw new ModelException(
          "%s cannot become %s: %s; keep its numbers with --quant keep, or fetch the model again"
              .formatted(tensor.name(), target, e.getMessage()),
          e);
    }
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    TensorInfo info = source.describe(key);
    return new TensorInfo(info.name(), quantisation.target(key, info), info.shape());
  }

  @Override
  public void release(Tensor tensor) {
    memory.release(tensor.data());
    source.release(tensor);
  }

  @Override
  public Optional<Path> folder() {
    return source.folder();
  }

  @Override
  public List<Path> files() {
    return source.files();
  }

  @Override
  public Optional<GgufMetadata> metadata() {
    return source.metadata();
  }

  @Override
  public Optional<PackedWeights> packed() {
    return source.packed();
  }

  @Override
  public void close() {
    memory.close();
  }
}
