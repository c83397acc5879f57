package io.moka.checkpoint;

import io.moka.ModelException;
import io.moka.checkpoint.TensorKey.Part;

/** Which number formats the experts of a layer may have together. */
public final class ExpertTypes {
  private ExpertTypes() {}

  /**
   * Checks a layer. Gate and up share one matrix, and a row comes in the one form that all experts
   * of its layer take.
   *
   * @param checkpoint the model
   * @param layer from 0
   * @throws ModelException when two formats do not go together; it names both tensors
   */
  public static void check(Checkpoint checkpoint, int layer) {
    int first = checkpoint.config().isMoe(layer) ? 0 : -1;
    int count = first < 0 ? 1 : checkpoint.config().moe().numExperts();
    TensorInfo firstGate = checkpoint.describe(TensorKey.expert(Part.GATE, layer, first));
    TensorInfo firstDown = checkpoint.describe(TensorKey.expert(Part.DOWN, layer, first));
    for (int expert = first; expert < first + count; expert++) {
      TensorInfo gate = checkpoint.describe(TensorKey.expert(Part.GATE, layer, expert));
      TensorInfo up = checkpoint.describe(TensorKey.expert(Part.UP, layer, expert));
      TensorInfo down = checkpoint.describe(TensorKey.expert(Part.DOWN, layer, expert));
      requireOneType(gate, up);
      requireOneType(firstGate, gate);
      requireOneType(firstDown, down);
    }
  }

  private static void requireOneType(TensorInfo one, TensorInfo other) {
    if (one.format() != other.format()) {
      throw new ModelException(
          "%s is of type %s and %s of %s; a layer's experts must be of one type: convert the model"
              .formatted(one.name(), one.format(), other.name(), other.format()));
    }
  }
}
