package io.moka.kernels;

import io.moka.PlatformException;
import io.moka.kernels.cpu.vector.VectorKernels;
import io.moka.kernels.reference.ReferenceKernels;

/** Which kernels compute; chosen once, at load. */
public enum KernelChoice {
  /** The fastest that this machine and JVM have. */
  AUTO,
  /** The Vector API. */
  VECTOR,
  /** Plain Java, one thread, for comparison; never chosen unless named. */
  REFERENCE;

  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  /**
   * Starts the kernels with {@link Activations#AUTO}.
   *
   * @param threads threads that compute, the caller's included
   * @return running kernels, which the caller closes
   * @throws PlatformException when the JVM was started without what they need
   */
  public Kernels open(int threads) {
    return open(threads, Activations.AUTO);
  }

  /**
   * Starts the kernels.
   *
   * @param threads threads that compute, the caller's included
   * @param activations how precisely inputs of products are taken; the reference is always exact
   * @return running kernels, which the caller closes
   * @throws PlatformException when the JVM was started without what they need
   */
  public Kernels open(int threads, Activations activations) {
    return switch (this) {
      case AUTO, VECTOR -> openVector(threads, activations);
      case REFERENCE -> new ReferenceKernels();
    };
  }

  private static Kernels openVector(int threads, Activations activations) {
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      throw new PlatformException(
          "the Vector API is missing: start java with --add-modules " + VECTOR_MODULE);
    }
    return new VectorKernels(threads, activations);
  }
}
