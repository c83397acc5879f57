package io.moka.model;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.GenerationDefaults;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;

/** A checkpoint with some tensors replaced, which remembers what was taken and what released. */
final class PatchedCheckpoint implements Checkpoint {
  final Set<String> taken = ConcurrentHashMap.newKeySet();
  final Set<String> released = ConcurrentHashMap.newKeySet();
  private final Checkpoint base;
  private final Map<TensorKey, UnaryOperator<Tensor>> patches;

  PatchedCheckpoint(Checkpoint base, Map<TensorKey, UnaryOperator<Tensor>> patches) {
    this.base = base;
    this.patches = patches;
  }

  /** The same shape, every number the given one. */
  static UnaryOperator<Tensor> filled(float value) {
    return tensor -> {
      long count = Tensor.elements(tensor.shape());
      MemorySegment data = Arena.ofAuto().allocate(count * Float.BYTES, 64);
      for (long i = 0; i < count; i++) {
        data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
      }
      return new Tensor(tensor.name(), WeightFormat.F32, tensor.shape(), data);
    };
  }

  /** The same numbers as floats. */
  static Tensor widened(Tensor tensor) {
    long count = Tensor.elements(tensor.shape());
    MemorySegment data = Arena.ofAuto().allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      float value = tensor.format().get(tensor.data(), tensor.format().bytes(i));
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    return new Tensor(tensor.name(), WeightFormat.F32, tensor.shape(), data);
  }

  Set<String> unreleased() {
    Set<String> names = new HashSet<>(taken);
    names.removeAll(released);
    return names;
  }

  @Override
  public Tensor tensor(TensorKey key) {
    Tensor tensor = base.tensor(key);
    taken.add(tensor.name());
    return patches.getOrDefault(key, UnaryOperator.identity()).apply(tensor);
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    Tensor tensor = patches.getOrDefault(key, UnaryOperator.identity()).apply(base.tensor(key));
    return new TensorInfo(tensor.name(), tensor.format(), tensor.shape());
  }

  @Override
  public void release(Tensor tensor) {
    released.add(tensor.name());
  }

  @Override
  public ModelConfig config() {
    return base.config();
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return base.generationDefaults();
  }

  @Override
  public Optional<Path> folder() {
    return base.folder();
  }

  @Override
  public List<Path> files() {
    return base.files();
  }

  @Override
  public void close() {
    base.close();
  }
}
