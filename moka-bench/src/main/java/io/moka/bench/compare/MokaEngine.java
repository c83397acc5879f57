package io.moka.bench.compare;

import io.moka.checkpoint.Checkpoint;
import io.moka.engine.Benchmark;
import io.moka.engine.WarmUp;
import io.moka.kernels.Activations;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvType;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import io.moka.moe.RoutingStats;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/** Moka itself, as {@code moka bench} runs it. It always repacks and always fuses attention. */
final class MokaEngine implements TimedEngine {
  /**
   * Random tokens by which routing is looked at, and how even it should be; each is a sequence of
   * its own, since with random weights the tokens of a short prompt, which attend to the same few
   * positions, take similar experts.
   */
  private static final int ROUTED_TOKENS = 64;

  private static final double EVEN = 0.8;

  private final KernelChoice kernels;
  private final Activations activations;
  private final KvType cache;
  private Optional<Loaded> loaded = Optional.empty();

  /** A loaded model, whose parts close in this order. */
  private record Loaded(
      Checkpoint checkpoint, Kernels kernels, Transformer model, Benchmark benchmark)
      implements AutoCloseable {
    @Override
    public void close() {
      benchmark.close();
      model.close();
      kernels.close();
      checkpoint.close();
    }
  }

  MokaEngine(KernelChoice kernels, Activations activations, KvType cache) {
    this.kernels = kernels;
    this.activations = activations;
    this.cache = cache;
  }

  @Override
  public String load(Path file, int threads, boolean repacked) {
    close();
    // stays open: the model looks embeddings up in it
    Checkpoint checkpoint = Checkpoint.open(file);
    Kernels opened = kernels.open(threads, activations);
    try (WarmUp _ = WarmUp.start(checkpoint, kernels, activations, cache)) {
      Transformer model =
          Transformer.load(checkpoint, opened, TransformerOptions.DEFAULT, share -> {});
      Benchmark benchmark = new Benchmark(model, cache);
      tellOfUnevenRouting(benchmark);
      loaded = Optional.of(new Loaded(checkpoint, opened, model, benchmark));
    } catch (RuntimeException | Error e) {
      opened.close();
      checkpoint.close();
      throw e;
    }
    return "Moka, " + opened.description() + ", cache " + cache.name().toLowerCase(Locale.ROOT);
  }

  /**
   * Where a few experts have all rows, weights stay in caches, and no engine's figures are true.
   */
  private static void tellOfUnevenRouting(Benchmark benchmark) {
    benchmark.decode(1, ROUTED_TOKENS, 0);
    RoutingStats routing = benchmark.routing();
    for (int layer = 0; layer < routing.layers(); layer++) {
      if (routing.total(layer) > 0 && routing.evenness(layer) < EVEN) {
        System.err.printf(
            "note: %d random tokens go unevenly to the experts of layer %d, %d of %d get none;"
                + " steps of several rows are faster with this file than with text%n",
            ROUTED_TOKENS, layer, routing.unused(layer), routing.experts());
        return;
      }
    }
  }

  @Override
  public long[] decode(int steps, int sequences, int context, boolean flash) {
    long[] nanos = benchmark().decode(UNMEASURED_STEPS + steps, sequences, context);
    return Arrays.copyOfRange(nanos, UNMEASURED_STEPS, nanos.length);
  }

  @Override
  public long prefill(int tokens, boolean flash) {
    return benchmark().prefill(tokens);
  }

  private Benchmark benchmark() {
    return loaded
        .map(Loaded::benchmark)
        .orElseThrow(() -> new IllegalStateException("no file is loaded"));
  }

  @Override
  public void close() {
    loaded.ifPresent(Loaded::close);
    loaded = Optional.empty();
  }
}
