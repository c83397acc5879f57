package io.moka.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.GoldenTensors;
import io.moka.RequestException;
import io.moka.checkpoint.HuggingFaceCheckpoint;
import io.moka.engine.Benchmark.Plan;
import io.moka.engine.Benchmark.Run;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvType;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class BenchmarkTest {
  private final HuggingFaceCheckpoint checkpoint =
      HuggingFaceCheckpoint.open(GoldenTensors.FOLDER.resolve("qwen3moe-sparse-step"));
  private final Kernels kernels = KernelChoice.VECTOR.open(2);
  private final Transformer model =
      Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});

  @AfterEach
  void close() {
    model.close();
    kernels.close();
    checkpoint.close();
  }

  @Test
  void tellsEachMeasuredRun() {
    List<Run> runs = new ArrayList<>();
    Plan plan = new Plan(20, 3, 2, 5, 17);
    try (Benchmark benchmark = new Benchmark(model, KvType.F16)) {
      benchmark.run(plan, runs::add);
    }
    assertThat(runs).extracting(Run::run).containsExactly(1, 2);
    for (Run run : runs) {
      assertThat(run.prefillSeconds()).isPositive();
      assertThat(run.decodeSeconds()).isPositive();
      assertThat(run.expertsPerLayer()).isBetween(1.0, 8.0);
    }
  }

  @Test
  void textsThatMemoryCannotHoldAreRefused() {
    int most = Integer.MAX_VALUE;
    for (Plan plan :
        List.of(
            new Plan(0, most, 1, 1, most),
            new Plan(0, 1, 1, most, most),
            new Plan(most, 0, 1, most, 0))) {
      try (Benchmark benchmark = new Benchmark(model, KvType.F32)) {
        assertThatThrownBy(() -> benchmark.run(plan, run -> {}))
            .as(plan.toString())
            .isInstanceOf(RequestException.class)
            .hasMessageContaining("fewer or shorter texts");
      }
    }
  }

  @Test
  void eachRowHasTokensOfItsOwn() {
    try (Benchmark benchmark = new Benchmark(model, KvType.F32)) {
      assertThat(benchmark.decode(4, 1, 0)).hasSize(4);
      double alone = benchmark.expertsPerLayer();
      benchmark.decode(4, 32, 0);
      assertThat(benchmark.expertsPerLayer()).isGreaterThan(alone);
      assertThat(benchmark.routing().total(1))
          .isEqualTo(4 * (1 + 32) * model.config().moe().numExpertsPerTok());
    }
  }

  @Test
  void cachesOfAnyLengthAreFilledAndKept() {
    try (Benchmark benchmark = new Benchmark(model, KvType.BF16)) {
      for (int context : new int[] {1, 15, 16, 17, 512, 1040, 1040}) {
        assertThat(benchmark.decode(2, 3, context)).as("context %d", context).hasSize(2);
        assertThat(benchmark.prefill(context)).isPositive();
      }
    }
  }
}
