package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorKey;
import io.moka.engine.Benchmark;
import io.moka.kernels.KernelChoice;
import io.moka.kernels.Kernels;
import io.moka.kernels.KvType;
import io.moka.model.Transformer;
import io.moka.model.TransformerOptions;
import io.moka.moe.RoutingStats;
import io.moka.weights.Activation;
import io.moka.weights.RowDecoder;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RandomGgufTest {
  private static final int LAYERS = 8;
  private static final int HIDDEN = 256;

  @TempDir private Path folder;

  private static ModelConfig config() {
    return new ModelConfig(
        "qwen3_moe",
        500,
        HIDDEN,
        3 * HIDDEN,
        LAYERS,
        4,
        2,
        64,
        1e-6f,
        Activation.SILU,
        1024,
        false,
        true,
        OptionalInt.empty(),
        new ModelConfig.Rope(1e6, new ModelConfig.RopeScaling.None()),
        new ModelConfig.Moe(8, 2, HIDDEN, true),
        Collections.nCopies(LAYERS, true),
        false,
        OptionalInt.empty(),
        List.of());
  }

  @ParameterizedTest
  @EnumSource(BlockType.class)
  void valuesHaveTheDeviationThatKeepsActivationsNearOne(BlockType type) throws IOException {
    Path file = folder.resolve(type + ".gguf");
    RandomGguf.write(file, config(), type);
    try (Checkpoint checkpoint = Checkpoint.open(file)) {
      assertThat(checkpoint.config().numHiddenLayers()).isEqualTo(LAYERS);
      TensorKey gate =
          ModelTensors.of(checkpoint.config()).keySet().stream()
              .filter(key -> key.part() == TensorKey.Part.GATE && key.layer() == 1)
              .findFirst()
              .orElseThrow();
      Tensor tensor = checkpoint.tensor(gate);
      assertThat(tensor.format()).hasToString(type.name());
      double sum = 0;
      double squares = 0;
      float[] row = new float[HIDDEN];
      RowDecoder decoder = new RowDecoder();
      for (int i = 0; i < tensor.rows(); i++) {
        long offset = i * tensor.format().bytes(HIDDEN);
        decoder.decode(tensor.format(), tensor.data(), offset, HIDDEN, row);
        for (float value : row) {
          sum += value;
          squares += (double) value * value;
        }
      }
      long count = (long) tensor.rows() * HIDDEN;
      assertThat(sum / count).isCloseTo(0, within(0.02));
      // MXFP4's scales are powers of two
      assertThat(Math.sqrt(squares / count) * Math.sqrt(HIDDEN)).isBetween(0.7, 1.42);
    }
    assertThat(folder).isDirectoryContaining(file::equals);
  }

  /** A mean that all rows share adds up over the columns, and bends all activations alike. */
  @ParameterizedTest
  @EnumSource(BlockType.class)
  void theMeanOfMatricesIsZero(BlockType type) {
    int columns = 2048;
    int rows = 4096;
    double sum = 0;
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment blocks = arena.allocate(type.bytes((long) columns * rows), 8);
      type.fill(blocks, 1, new SplittableRandom(1));
      WeightFormat format = WeightFormat.valueOf(type.name());
      RowDecoder decoder = new RowDecoder();
      float[] row = new float[columns];
      for (int i = 0; i < rows; i++) {
        decoder.decode(format, blocks, i * format.bytes(columns), columns, row);
        for (float value : row) {
          sum += value;
        }
      }
    }
    double mean = sum / columns / rows;
    assertThat(mean * Math.sqrt(columns)).as("as a share of a row's own").isCloseTo(0, within(0.2));
  }

  @ParameterizedTest
  @EnumSource(BlockType.class)
  void mokaRunsTheFilesAndRowsSpreadOverTheExperts(BlockType type) throws IOException {
    Path file = folder.resolve("model.gguf");
    RandomGguf.write(file, config(), type);
    try (Checkpoint checkpoint = Checkpoint.open(file);
        Kernels kernels = KernelChoice.AUTO.open(1);
        Transformer model =
            Transformer.load(checkpoint, kernels, TransformerOptions.DEFAULT, share -> {});
        Benchmark benchmark = new Benchmark(model, KvType.F32)) {
      assertThat(benchmark.decode(2, 2, 20)).hasSize(2);
      assertThat(benchmark.prefill(200)).isPositive();
      RoutingStats routing = benchmark.routing();
      for (int layer = 0; layer < LAYERS; layer++) {
        assertThat(routing.evenness(layer)).as("layer %d", layer).isGreaterThan(0.8);
      }
    }
  }
}
