package io.moka.kernels;

import io.moka.PlatformException;
import io.moka.kernels.cpu.CpuKernels;
import io.moka.kernels.cpu.GroupProducts;
import io.moka.kernels.cpu.NodeThreads;
import io.moka.kernels.cpu.vector.TwoPartProducts;
import io.moka.kernels.cpu.vector.VectorProducts;
import io.moka.kernels.cpu.vector.VectorSpans;
import io.moka.kernels.cpu.x86.InstructionSet;
import io.moka.kernels.cpu.x86.X86Products;
import io.moka.kernels.reference.ReferenceKernels;
import java.util.Optional;

/** Which kernels compute; chosen once, at load. */
public enum KernelChoice {
  /** The fastest that this machine and JVM have. */
  AUTO,
  /** Machine code that Java writes at load, for x86-64 with AVX2 or AVX-512 on Linux. */
  X86,
  /** The Vector API. */
  VECTOR,
  /** Plain Java, one thread, for comparison; never chosen unless named. */
  REFERENCE;

  private static final System.Logger LOG = System.getLogger(KernelChoice.class.getName());
  private static final String VECTOR_MODULE = "jdk.incubator.vector";

  /**
   * Starts the kernels with {@link Activations#AUTO}.
   *
   * @param threads threads that compute, the caller's included
   * @return running kernels, which the caller closes
   * @throws PlatformException when the JVM was started without what they need, or {@link
   *     InstructionSet#VARIABLE} names nothing
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
   * @throws PlatformException when the JVM was started without what they need, or {@link
   *     InstructionSet#VARIABLE} names nothing
   */
  public Kernels open(int threads, Activations activations) {
    return open(NodeThreads.onOneNode(threads), activations);
  }

  /**
   * Starts the kernels.
   *
   * @param threads threads that compute, the caller's included, and where
   * @param activations how precisely inputs of products are taken; the reference is always exact
   * @return running kernels, which the caller closes
   * @throws PlatformException when the JVM was started without what they need, or {@link
   *     InstructionSet#VARIABLE} names nothing
   */
  public Kernels open(NodeThreads threads, Activations activations) {
    return switch (this) {
      case AUTO ->
          switch (openX86(threads, activations)) {
            case Opened(Kernels kernels) -> kernels;
            case NotOpened(String reason) -> {
              LOG.log(
                  System.Logger.Level.DEBUG, "no machine code: {0}; Vector API instead", reason);
              yield openVector(threads, activations);
            }
          };
      case X86 ->
          switch (openX86(threads, activations)) {
            case Opened(Kernels kernels) -> kernels;
            case NotOpened(String reason) ->
                throw new PlatformException(
                    "machine code cannot be used here: " + reason + "; choose the kernels vector");
          };
      case VECTOR -> openVector(threads, activations);
      case REFERENCE -> new ReferenceKernels();
    };
  }

  /**
   * Why {@link #AUTO} does without machine code on this machine.
   *
   * @return a reason, empty where it uses it
   */
  public static Optional<String> whyNoMachineCode() {
    return switch (openX86(NodeThreads.onOneNode(1), Activations.AUTO)) {
      case Opened(Kernels kernels) -> {
        kernels.close();
        yield Optional.empty();
      }
      case NotOpened(String reason) -> Optional.of(reason);
    };
  }

  /**
   * What keeps machine code from using all that this machine has.
   *
   * @return the variable and its value, empty where it keeps nothing back
   * @throws PlatformException when it names nothing
   */
  public static Optional<String> machineCodeLimit() {
    InstructionSet most = mostInstructions();
    return most == InstructionSet.MOST
        ? Optional.empty()
        : Optional.of(InstructionSet.VARIABLE + "=" + most.spelling());
  }

  /**
   * Read here, not by those who resolve options: it limits the whole process, whoever opens
   * kernels, a warm-up or a benchmark too.
   */
  private static InstructionSet mostInstructions() {
    return InstructionSet.limit(System.getenv());
  }

  private sealed interface Opening {}

  private record Opened(Kernels kernels) implements Opening {}

  private record NotOpened(String reason) implements Opening {}

  private static Opening openX86(NodeThreads threads, Activations activations) {
    requireVectors();
    GroupProducts rest = new VectorProducts(activations);
    return switch (X86Products.open(activations, rest, mostInstructions())) {
      case X86Products.Ready(X86Products products) ->
          new Opened(
              new CpuKernels(
                  threads,
                  TwoPartProducts.around(products, activations),
                  products.spans(new VectorSpans(activations))));
      case X86Products.Refused(String reason) -> new NotOpened(reason);
    };
  }

  private static Kernels openVector(NodeThreads threads, Activations activations) {
    requireVectors();
    GroupProducts products = new VectorProducts(activations);
    return new CpuKernels(
        threads, TwoPartProducts.around(products, activations), new VectorSpans(activations));
  }

  private static void requireVectors() {
    if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
      throw new PlatformException(
          "the Vector API is missing: start java with --add-modules " + VECTOR_MODULE);
    }
  }
}
