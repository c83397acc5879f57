package io.moka.checkpoint;

import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.WeightFormat;

/** What becomes of a model's float matrices when it is packed; norms, router and biases stay. */
public enum Quantisation {
  /** All numbers stay as they are. */
  KEEP,
  /** F32 and F16 become BF16. */
  BF16,
  /** All become Q8_0. */
  Q8,
  /** All become Q4_0, but for embedding and head, which become Q8_0. */
  Q4;

  /**
   * The format that a tensor gets. What is quantised already, and matrices whose rows are no whole
   * blocks, stay as they are.
   *
   * @param key which tensor
   * @param tensor as it is
   * @return its own format where it stays
   */
  public WeightFormat target(TensorKey key, TensorInfo tensor) {
    if (!isMatrix(key.part()) || tensor.format().isQuantised()) {
      return tensor.format();
    }
    WeightFormat target =
        switch (this) {
          case KEEP -> tensor.format();
          case BF16 -> WeightFormat.BF16;
          case Q8 -> WeightFormat.Q8_0;
          case Q4 ->
              key.part() == Part.EMBEDDING || key.part() == Part.HEAD
                  ? WeightFormat.Q8_0
                  : WeightFormat.Q4_0;
        };
    return tensor.shape().getLast() % target.blockElements() == 0 ? target : tensor.format();
  }

  /** Whether a part is a matrix that quantising is about. */
  static boolean isMatrix(Part part) {
    return switch (part) {
      case EMBEDDING, HEAD, WQ, WK, WV, WO, GATE, UP, DOWN -> true;
      case FINAL_NORM, ATTENTION_NORM, MLP_NORM, Q_NORM, K_NORM, ROUTER -> false;
      case WQ_BIAS, WK_BIAS, WV_BIAS, WO_BIAS -> false;
    };
  }
}
