package io.moka.checkpoint;

import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;

/** A model of which some weights are F32 beside others. */
final class MixedTypes implements Checkpoint {
  private final Checkpoint base;
  private final Predicate<TensorKey> inFloats;

  MixedTypes(Checkpoint base, Predicate<TensorKey> inFloats) {
    this.base = base;
    this.inFloats = inFloats;
  }

  @Override
  public Tensor tensor(TensorKey key) {
    Tensor tensor = base.tensor(key);
    if (!inFloats.test(key)) {
      return tensor;
    }
    long count = Tensor.elements(tensor.shape());
    MemorySegment data = Arena.ofAuto().allocate(count * Float.BYTES, 64);
    for (long i = 0; i < count; i++) {
      float value = tensor.format().get(tensor.data(), tensor.format().bytes(i));
      data.setAtIndex(ValueLayout.JAVA_FLOAT, i, value);
    }
    base.release(tensor);
    return new Tensor(tensor.name(), WeightFormat.F32, tensor.shape(), data);
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    TensorInfo info = base.describe(key);
    return inFloats.test(key) ? new TensorInfo(info.name(), WeightFormat.F32, info.shape()) : info;
  }

  @Override
  public void release(Tensor tensor) {
    base.release(tensor);
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
