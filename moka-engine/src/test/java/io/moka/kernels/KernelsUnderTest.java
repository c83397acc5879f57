package io.moka.kernels;

import java.util.function.Consumer;

/** A provider of kernels, and what it promises beyond {@link Kernels}. */
public interface KernelsUnderTest {
  /** New kernels; the caller closes them. */
  Kernels open(int threads);

  /** Numbers of threads to test with. */
  default int[] threadCounts() {
    return new int[] {1, 2, 3};
  }

  /**
   * Whether products equal, bit for bit, the loop {@code acc = fma(w[k], x[k], acc)} over ascending
   * k, activations those of {@link FloatMath}, and sums over experts {@code out = fma(weight, y,
   * out)}.
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
