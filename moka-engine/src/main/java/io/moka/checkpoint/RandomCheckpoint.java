package io.moka.checkpoint;

import io.moka.weights.NativeMemory;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A model of random BF16 weights. A tensor is computed when it is asked for, always to the same
 * numbers, and its memory serves the next one as soon as it is released: the model is never
 * resident as a whole. Any number of threads may ask at once.
 */
public final class RandomCheckpoint implements Checkpoint {
  /** Larger buffers, those of embedding and head, go back to the system instead of waiting. */
  private static final long KEPT_BYTES = 256L << 20;

  private static final long DEFAULT_SEED = 20_240_917;

  private final ModelConfig config;
  private final long seed;
  private final Map<TensorKey, List<Long>> shapes;
  private final Arena kept = Arena.ofShared();

  // guarded by this
  private final Map<Long, Deque<Buffer>> free = new HashMap<>();
  private final Map<MemorySegment, Buffer> lent = new IdentityHashMap<>();
  private boolean closed;

  /** Memory for one tensor, with the arena to close when it does not wait for the next. */
  private record Buffer(MemorySegment memory, Optional<Arena> own) {}

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
    Buffer buffer = borrow(info.bytes());
    RandomWeights.fill(buffer.memory(), seed, key, Math.toIntExact(info.shape().getLast()));
    MemorySegment data = buffer.memory().asReadOnly();
    synchronized (this) {
      lent.put(data, buffer);
    }
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
    Optional<Arena> unneeded = Optional.empty();
    synchronized (this) {
      Buffer buffer = lent.remove(tensor.data());
      if (buffer != null && buffer.own().isEmpty()) {
        free.computeIfAbsent(buffer.memory().byteSize(), size -> new ArrayDeque<>()).push(buffer);
      } else if (buffer != null) {
        unneeded = buffer.own();
      }
    }
    unneeded.ifPresent(Arena::close);
  }

  @Override
  public Optional<Path> folder() {
    return Optional.empty();
  }

  @Override
  public synchronized void close() {
    if (!closed) {
      closed = true;
      lent.values().forEach(buffer -> buffer.own().ifPresent(Arena::close));
      lent.clear();
      kept.close();
    }
  }

  private Buffer borrow(long bytes) {
    if (bytes > KEPT_BYTES) {
      Arena own = Arena.ofShared();
      return new Buffer(NativeMemory.allocate(own, bytes), Optional.of(own));
    }
    synchronized (this) {
      Deque<Buffer> waiting = free.getOrDefault(bytes, new ArrayDeque<>());
      return waiting.isEmpty()
          ? new Buffer(NativeMemory.allocate(kept, bytes), Optional.empty())
          : waiting.pop();
    }
  }
}
