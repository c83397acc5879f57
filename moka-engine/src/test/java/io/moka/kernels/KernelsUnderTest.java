package io.moka.kernels;

import io.moka.weights.Bf16Oracle;
import io.moka.weights.PackedMatrix;
import java.util.function.Consumer;

/** A provider of kernels, and what it promises beyond {@link Kernels}. */
public interface KernelsUnderTest {
  /** New kernels; the caller closes them. */
  Kernels open(int threads);

  /** Numbers of threads to test with. */
  default int[] threadCounts() {
    return new int[] {1, 2, 3};
  }

  /** An exact product as {@link #sumsInOrder} says it is summed up. */
  default float dot(PackedMatrix weights, int output, float[] x) {
    float sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum = Math.fma(weights.get(output, i), x[i], sum);
    }
    return sum;
  }

  /** A product with BF16 weights of a row that is rounded to bf16. */
  default float roundedDot(PackedMatrix weights, int output, float[] x) {
    return Bf16Oracle.dot(weights, output, x);
  }

  /**
   * Whether products equal {@link #dot} bit for bit, activations those of {@link FloatMath}, and
   * sums over experts {@code out = fma(weight, y, out)}.
   */
  default boolean sumsInOrder() {
    return false;
  }

  /** Runs a check with each number of threads. */
  default void withEach(Consumer<Kernels> check) {
    for (int threads : threadCounts()) {
      try (Kernels kernels = open(threads)) {
        check.accept(kernels);
      }
    }
  }
}
