package io.moka;

import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.KvType;
import io.moka.moe.MoePath;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.function.Consumer;
import java.util.function.DoubleConsumer;

/**
 * How a model is loaded.
 *
 * @param threads threads that compute, from 1 to 1024; empty for one for each processor
 * @param numa whether, on a machine with several memory nodes, threads are bound to them and rows
 *     of weights are placed at those that read them; without effect elsewhere
 * @param kernels what computes
 * @param activations how precisely the inputs of products are taken
 * @param moePath the way through the experts
 * @param prefuse whether the experts' gate and up are joined once, at load; false joins them in
 *     each step, to show what that costs, and is for {@link MoePath#FUSED} alone
 * @param forceRandomRouting for load tests: each token goes to experts drawn from a generator
 * @param kvType how keys and values are stored; empty for F16 beside quantised weights, else F32
 * @param contextLength the longest text in tokens; empty for the model's, as far as memory goes
 * @param progress told the share loaded, from 0 to 1, from several threads
 */
public record LoadOptions(
    OptionalInt threads,
    boolean numa,
    KernelChoice kernels,
    Activations activations,
    MoePath moePath,
    boolean prefuse,
    boolean forceRandomRouting,
    Optional<KvType> kvType,
    OptionalInt contextLength,
    DoubleConsumer progress) {

  /** Fastest kernels, fused path, experts joined at load. */
  public static final LoadOptions DEFAULT =
      new LoadOptions(
          OptionalInt.empty(),
          false,
          KernelChoice.AUTO,
          Activations.AUTO,
          MoePath.FUSED,
          true,
          false,
          Optional.empty(),
          OptionalInt.empty(),
          share -> {});

  /**
   * Checks the ranges.
   *
   * @throws RequestException when a value is out of its range, or values do not go together
   */
  public LoadOptions {
    if (threads.isPresent() && (threads.getAsInt() < 1 || threads.getAsInt() > 1024)) {
      throw new RequestException("threads must be from 1 to 1024, not " + threads.getAsInt());
    }
    if (contextLength.isPresent() && contextLength.getAsInt() < 1) {
      throw new RequestException(
          "contextLength must be at least 1, not " + contextLength.getAsInt());
    }
    if (!prefuse && moePath != MoePath.FUSED) {
      throw new RequestException("prefuse can be off only with moePath FUSED, not " + moePath);
    }
  }

  /**
   * Sets the threads.
   *
   * @param value threads that compute
   * @return a changed copy
   */
  public LoadOptions withThreads(int value) {
    return with(copy -> copy.threads = OptionalInt.of(value));
  }

  /**
   * Sets whether threads and weights are placed by memory nodes.
   *
   * @param value true for machines with several
   * @return a changed copy
   */
  public LoadOptions withNuma(boolean value) {
    return with(copy -> copy.numa = value);
  }

  /**
   * Sets what computes.
   *
   * @param value the kernels
   * @return a changed copy
   */
  public LoadOptions withKernels(KernelChoice value) {
    return with(copy -> copy.kernels = value);
  }

  /**
   * Sets how precisely the inputs of products are taken.
   *
   * @param value the precision
   * @return a changed copy
   */
  public LoadOptions withActivations(Activations value) {
    return with(copy -> copy.activations = value);
  }

  /**
   * Sets the way through the experts.
   *
   * @param path the way
   * @param prefused whether gate and up are joined at load
   * @return a changed copy
   */
  public LoadOptions withMoePath(MoePath path, boolean prefused) {
    return with(copy -> {
      copy.moePath = path;
      copy.prefuse = prefused;
    });
  }

  /**
   * Sets whether experts are drawn.
   *
   * @param value true for load tests
   * @return a changed copy
   */
  public LoadOptions withForceRandomRouting(boolean value) {
    return with(copy -> copy.forceRandomRouting = value);
  }

  /**
   * Sets how keys and values are stored.
   *
   * @param value the type
   * @return a changed copy
   */
  public LoadOptions withKvType(KvType value) {
    return with(copy -> copy.kvType = Optional.of(value));
  }

  /**
   * Sets the longest text.
   *
   * @param tokens prompt and answer together
   * @return a changed copy
   */
  public LoadOptions withContextLength(int tokens) {
    return with(copy -> copy.contextLength = OptionalInt.of(tokens));
  }

  /**
   * Sets who hears how far loading is.
   *
   * @param listener told the share loaded, from 0 to 1, from several threads
   * @return a changed copy
   */
  public LoadOptions withProgress(DoubleConsumer listener) {
    return with(copy -> copy.progress = listener);
  }

  private LoadOptions with(Consumer<Copy> change) {
    Copy copy = new Copy(this);
    change.accept(copy);
    return copy.options();
  }

  /** A copy while it is changed. */
  private static final class Copy {
    OptionalInt threads;
    boolean numa;
    KernelChoice kernels;
    Activations activations;
    MoePath moePath;
    boolean prefuse;
    boolean forceRandomRouting;
    Optional<KvType> kvType;
    OptionalInt contextLength;
    DoubleConsumer progress;

    Copy(LoadOptions options) {
      threads = options.threads;
      numa = options.numa;
      kernels = options.kernels;
      activations = options.activations;
      moePath = options.moePath;
      prefuse = options.prefuse;
      forceRandomRouting = options.forceRandomRouting;
      kvType = options.kvType;
      contextLength = options.contextLength;
      progress = options.progress;
    }

    LoadOptions options() {
      return new LoadOptions(
          threads,
          numa,
          kernels,
          activations,
          moePath,
          prefuse,
          forceRandomRouting,
          kvType,
          contextLength,
          progress);
    }
  }
}
