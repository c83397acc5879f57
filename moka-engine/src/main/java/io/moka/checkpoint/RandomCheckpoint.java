package io.moka.checkpoint;

import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model of random BF16 weights. A tensor is computed when it is asked for, always to the same
 * numbers, and its memory serves the next one as soon as it is released: the model is never
 * resident as a whole. Any number of threads may ask at once.
 */
public final class RandomCheckpoint implements Checkpoint {
  private static final long DEFAULT_SEED = 20_240_917;

  private final ModelConfig config;
  private final long seed;
  private final Map<TensorKey, List<Long>> shapes;
  private final LentMemory memory = new LentMemory();

  private RandomCheckpoint(ModelConfig config, long seed) {
    this.config = config;
    this.seed = seed;
    this.shapes = ModelTensors.of(config);
  }

  /**
   * A model of random weights.
   *
   * @param config its shape
   * @param seed which random weights
   * @return the open model
   */
  public static RandomCheckpoint of(ModelConfig config, long seed) {
    return new RandomCheckpoint(config, seed);
  }

  /**
   * A model with the shape of a published one.
   *
   * @param shape {@code qwen3-30b-a3b}, {@code qwen3-235b-a22b} or {@code mixtral-8x7b}; where
   *     {@code :layers=N} or {@code :layers=N,experts=N} follows, with as many of them
   * @return the open model, with the same weights each time
   * @throws io.moka.RequestException when there is no such shape or option
   */
  public static RandomCheckpoint parse(String shape) {
    return of(DummyShapes.parse(shape), DEFAULT_SEED);
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return GenerationDefaults.NONE;
  }

  @Override
  public Tensor tensor(TensorKey key) {
    TensorInfo info = describe(key);
    int columns = Math.toIntExact(info.shape().getLast());
    MemorySegment data =
        memory.lend(info.bytes(), buffer -> RandomWeights.fill(buffer, seed, key, columns));
    return new Tensor(info.name(), info.format(), info.shape(), data);
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    List<Long> shape = shapes.get(key);
    if (shape == null) {
      throw new IllegalArgumentException("the configuration has no " + key);
    }
    return new TensorInfo(HuggingFaceNames.of(config, key), WeightFormat.BF16, shape);
  }

  @Override
  public void release(Tensor tensor) {
    memory.release(tensor.data());
  }

  @Override
  public Optional<Path> folder() {
    return Optional.empty();
  }

  @Override
  public List<Path> files() {
    return List.of();
  }

  @Override
  public void close() {
    memory.close();
  }
}
